"""Which lease a Config opens."""

from pathlib import Path

from aqi_service.app.open import open_backend
from aqi_service.storage.local.lease import FILE
from aqi_service.storage.process_name import holder_name
from tests.doubles.config import config
from tests.doubles.moto_names import Moto


async def test_two_that_open_one_folder_contend_for_one_lease(tmp_path: Path) -> None:
    async with open_backend(config(local=tmp_path)) as first, open_backend(config(local=tmp_path)) as second:
        assert await first.lease.take() is None
        assert await second.lease.take() == holder_name()
        await first.lease.release()
        assert await second.lease.take() is None
    assert (tmp_path / FILE).read_text() == ""  # given back at the end


async def test_two_that_open_one_table_contend_for_one_lease(moto: Moto) -> None:
    settings = config(bucket=moto.bucket, table=moto.table)
    async with open_backend(settings) as first, open_backend(settings) as second:
        await first.create()
        assert await first.lease.take() is None
        assert await second.lease.take() == holder_name()
        await first.lease.release()
        assert await second.lease.take() is None
        second.lease.check()


async def test_in_a_dry_run_nobody_stands_in_anothers_way() -> None:
    async with (
        open_backend(config(dry_run=True, load_only=True)) as first,
        open_backend(config(dry_run=True, load_only=True)) as second,
    ):
        for found in (first, second):
            assert await found.lease.take() is None
            await found.lease.renew()
            found.lease.check()
        await first.lease.release()
        first.lease.check()
