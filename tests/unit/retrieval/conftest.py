"""A busy machine is no failure: properties have no deadline here, the test itself has one."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
