import pytest
from hypothesis import settings

from database import open_engine, sqlite_url, writing
from models import Database
from tests.worlds import postgres

# A busy machine makes single examples slow; what is tested here is not speed.
settings.register_profile("models", deadline=None)
settings.load_profile("models")


@pytest.fixture(scope="module")
def socket():
    with postgres.cluster() as folder:
        yield folder


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.slow])])
def url(request, tmp_path):
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "house.db")
    name = f"d{abs(hash(request.node.name)) % 10**8}"
    cluster = request.getfixturevalue("socket")
    postgres.sql(cluster, f"CREATE DATABASE {name}")
    return postgres.url(cluster, name)


@pytest.fixture
async def database(url):
    engine = open_engine(url)
    made = Database(engine=engine, writing=writing)
    await made.create_all()
    yield made
    await engine.dispose()
