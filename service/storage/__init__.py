"""Storage that the settings name: how it is opened, fenced checkpoints, migrations, and the item store."""
