"""The local twin of a sandbox: plain processes in a temporary folder, and no protection at all."""
