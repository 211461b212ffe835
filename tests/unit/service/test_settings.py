import pytest
from pydantic import ValidationError

from service.settings import Settings


@pytest.mark.parametrize("said", [" http://gpu:8000/v1 ", "http://gpu:8000/v1/", "http://gpu:8000/v1//"])
def test_an_address_is_compared_without_what_stands_around_it(said):
    assert Settings(model_base_url=said).model_base_url == "http://gpu:8000/v1"


@pytest.mark.parametrize("said", ["http://ann:pw@gpu/v1", " https://pw@gpu:8000/v1", "http://:pw@gpu"])
def test_an_address_holds_no_password(said):
    with pytest.raises(ValidationError, match="SIGNOFF_MODEL_API_KEY") as caught:
        Settings(model_coder_base_url=said)
    assert "pw" not in caught.value.errors()[0]["msg"]
