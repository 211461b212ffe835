from hypothesis import settings

# A busy machine makes single examples slow; what is tested here is not speed.
settings.register_profile("models", deadline=None)
settings.load_profile("models")
