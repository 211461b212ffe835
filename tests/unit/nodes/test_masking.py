"""Which values of a repository are secret: by their form anywhere, by their name in files of secrets."""

from nodes._masking import secrets_by_file

TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


def test_each_file_has_its_own_secrets():
    found = secrets_by_file({"a.py": f"key = '{TOKEN}'\n", "b.py": "x = 1\n"})
    assert list(found["a.py"]) == [TOKEN]
    assert found["b.py"] == {}


def test_a_random_value_is_a_secret_in_a_file_of_secrets_only():
    line = "SIGNING=q8Zr2LmXv0Tb7KdW\n"
    found = secrets_by_file({".env": line, "settings.txt": line})
    assert list(found[".env"]) == ["q8Zr2LmXv0Tb7KdW"]
    assert found["settings.txt"] == {}
