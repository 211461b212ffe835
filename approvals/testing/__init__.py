"""The conformance suite of ballot stores: promises as runnable checks, and the stage to rehearse them on."""
