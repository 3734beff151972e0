import pytest

from harness import readers


@pytest.fixture(scope="session", autouse=True)
def stop_spark():
    """One Spark session serves all tests of this folder."""
    yield
    if readers.spark_session.cache_info().currsize:
        readers.spark_session().stop()
