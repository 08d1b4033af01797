"""Every setting, in one frozen place: command line, else `VITRINE_<NAME>`, else a file of such."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from service.settings_file import ITSELF, PREFIX, read_settings

DEFAULT_BUNDLE = Path(__file__).parent / "bundles" / "default"


class Settings(BaseSettings):
    """What an operator may choose."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    data_dir: Path = Field(
        default=Path("data"), description="Catalogue, thumbnails and index; one folder."
    )
    bundle: Path = Field(default=DEFAULT_BUNDLE, description="Folder of the model bundle.")
    settings_file: Path | None = Field(
        default=None, description="A file of further settings, as `vitrine tune` writes one."
    )
    index: str = Field(
        default="auto", description="Kind of index, as `vitrine reindex --index` takes it."
    )
    index_build: Literal["auto", "cpu", "gpu"] = Field(
        default="auto",
        description="What an index is built on; `auto` is a GPU where FAISS finds one.",
    )
    provider: Literal["cpu", "cuda", "tensorrt", "openvino"] = Field(
        default="cpu", description="Execution provider; the service refuses to start on another."
    )
    threads: int | None = Field(
        default=None, ge=1, description="Threads of one encoder run; every core by default."
    )
    spinning: bool = Field(
        default=True,
        description="Let the encoder's threads spin for a while after a run: the next one is "
        "quicker, whatever else wants the cores slower.",
    )
    redis_url: str | None = Field(
        default=None, description="Shared caches, e.g. redis://localhost:6379/0."
    )
    memory_cache_bytes: int = Field(
        default=64_000_000, ge=0, description="Bound of the in-process embedding cache."
    )
    result_cache_bytes: int = Field(
        default=64_000_000, ge=0, description="Bound of the answers kept in process."
    )
    result_seconds: int = Field(
        default=300,
        ge=0,
        le=3600,
        description="How long an answer is kept at most, while nothing is written; 0 keeps none.",
    )
    recent_picture_bytes: int = Field(
        default=128_000_000,
        ge=0,
        description="Bound of the query pictures kept in process, for 30 minutes, as `image_id`.",
    )
    max_image_bytes: int = Field(
        default=20_000_000, ge=1, description="Largest encoded picture, in bytes."
    )
    max_image_pixels: int = Field(
        default=40_000_000, ge=1, description="Largest picture, width times height."
    )
    max_batch_bytes: int = Field(
        default=64_000_000,
        ge=1,
        description="Largest body of `/v1/search:batch` and `/v1/embeddings`, in bytes.",
    )
    max_batch: int = Field(default=16, ge=1, description="Pictures in one encoder run, at most.")
    best_tier: str | None = Field(
        default=None,
        description="Tier that products are embedded with: the bundle's first by default, or a "
        "variant of it such as `best-int8`.",
    )
    fast_tier: str | None = Field(
        default=None,
        description="Tier of searches that ask for `fast`, or are lowered; by default the "
        "cheapest, on the CPU in 8 bits where the bundle has that.",
    )
    lanes: int | None = Field(
        default=None,
        ge=1,
        description="Encoder runs at once, each on `VITRINE_THREADS`. Where neither is set, the "
        "CPU gives one run every core, and up to four runs a part of them once so many pictures "
        "wait; elsewhere there is one run at a time.",
    )
    max_in_flight: int = Field(
        default=256,
        ge=1,
        description="Searches and writes at once, waiting ones included; more get a 429.",
    )
    latency_target_seconds: float = Field(
        default=0.5,
        gt=0,
        description="How long a search should take: one that would wait longer gets the fast tier, "
        "one that would wait a tenth longer a 429.",
    )
    search_threads: int = Field(
        default=32,
        ge=1,
        description="Searches that decode or wait for the encoder at once; the rest queue.",
    )
    write_threads: int = Field(
        default=4, ge=1, description="Writes, and groups of lines of bulk writes, at once."
    )
    decode_threads: int | None = Field(
        default=None,
        ge=1,
        description="Pictures decoded at once, each of up to 235 MB; one a core by default.",
    )
    decode_wait_seconds: float = Field(
        default=10.0, gt=0, description="How long a picture waits to be decoded before a 429."
    )
    api_keys: str = Field(
        default="",
        description="Who may do what, as `vitrine keys new` prints it; without any, everyone may.",
    )
    api_keys_file: Path | None = Field(
        default=None, description="A file of such keys, one a line, read at the start."
    )
    insecure: bool = Field(default=False, description="Listen beyond this machine without any key.")
    rate_limit: float | None = Field(
        default=None,
        gt=0,
        description="Requests a second of one key, or of one address where there are no keys.",
    )
    rate_burst: int = Field(
        default=20, ge=1, description="Requests that one key may make at once after a pause."
    )
    fetch_urls: bool = Field(
        default=False,
        description="Fetch pictures that callers name by URL, from the public internet alone.",
    )
    index_poll_seconds: float = Field(
        default=0.5, gt=0, description="How often a serving process looks for a new index."
    )
    compact_rows: int = Field(
        default=5000,
        ge=0,
        description="Pictures written since the index was built, or passed over in it, from which "
        "on a serving process folds them into a new version; 0 leaves that to the operator.",
    )
    max_events: int = Field(
        default=2_000_000,
        ge=1,
        description="Events kept, as shops report them; each one beyond it takes the oldest away.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 picks one.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the file beneath what the command line and the environment say."""
        return init_settings, env_settings, _SettingsFile(settings_cls)


class _SettingsFile(PydanticBaseSettingsSource):
    """The file that the sources before this one name, if they do."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Ask for one field: the file is read as a whole instead."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return what the file sets; raises SettingsError."""
        path = self.current_state.get(ITSELF)
        return read_settings(Path(path), self.settings_cls.model_fields) if path else {}
