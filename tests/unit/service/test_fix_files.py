"""What comes into ``signoff fix`` is laid out in the encoding it declares, or byte for byte."""

import json
from base64 import b64encode

import pytest

from domain import Refused
from service.cli.fix import lay_out, provable, read_order

LATIN = "# -*- coding: latin-1 -*-\nname = 'café'\n"


def laid(folder, files):
    order = read_order(json.dumps({"files": files}).encode())
    lay_out(order, folder)
    return {name: (folder / name).read_bytes() for name in files}


def test_a_text_is_written_in_the_encoding_that_it_declares(tmp_path):
    files = laid(
        tmp_path, {"a.py": LATIN, "b.py": "x = 'é'\r\n", "c.xml": '<?xml version="1.0" encoding="cp1251"?><a>й</a>'}
    )
    assert files["a.py"] == LATIN.encode("latin-1")
    assert files["b.py"] == "x = 'é'\r\n".encode()
    assert files["c.xml"].endswith(b"<a>\xe9</a>")


def test_bytes_stay_what_they_are(tmp_path):
    data = bytes(range(256))
    assert laid(tmp_path, {"a.bin": {"base64": b64encode(data).decode()}}) == {"a.bin": data}


def test_what_a_declaration_cannot_hold_is_refused(tmp_path):
    with pytest.raises(Refused) as refusal:
        laid(tmp_path, {"a.py": LATIN.replace("café", "€")})
    assert refusal.value.stable_code == "not_encodable"


def test_assertions_in_logs_find_what_bytes_define():
    files = {"a.py": {"base64": b64encode(f"{LATIN}def twice(x):\n    return x\n".encode("latin-1")).decode()}}
    logs = {"t": 'File "test_a.py", line 3, in test_twice\n    assert twice(2) == 4\n'}
    order, _ = provable(read_order(json.dumps({"files": files, "logs": logs}).encode()), None)
    assert "twice(2) == 4" in str(order.files["test_from_the_logs.py"])
