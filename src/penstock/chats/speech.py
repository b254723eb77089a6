"""What people say instead of typing, written down by a model: for browsers that cannot do it themselves (B14).

Nothing is stored, and no run is begun: what was said comes back to whoever said it, who may still change it.
"""

from penstock.actor import IdentityId
from penstock.chats.answer import journey_of
from penstock.errors import Conflict, InvalidInput, Unavailable
from penstock.keys.service import KeyService
from penstock.providers.base import ErrorKind, ProviderError, Recording, Transcriber
from penstock.providers.catalog import Catalog
from penstock.providers.router import NoKey, Router

AUTO = "auto"
OFF = "off"
AUTO_MODEL = "openai/gpt-4o-mini-transcribe"
"""Of OpenAI itself: what other servers have is for their owners to say."""

_SIGNS = (
    (0, b"\x1a\x45\xdf\xa3", "audio/webm"),
    (0, b"OggS", "audio/ogg"),
    (4, b"ftyp", "audio/mp4"),
    (8, b"WAVE", "audio/wav"),
)
"""How files begin that browsers record: where, with what."""


class NoTranscription(Conflict):
    """There is nobody here who writes down what is said."""

    code = "no_transcription"


class RecordingInvalid(InvalidInput):
    """This is no recording that can be used: it must be WebM, Ogg, MP4 or WAV."""

    code = "recording_invalid"


class TranscriptionFailed(Unavailable):
    """What you said could not be written down just now."""

    code = "transcription_failed"


class Speech:
    """Has recordings written down."""

    def __init__(self, catalog: Catalog, router: Router, keys: KeyService, model: str) -> None:
        """Take who knows models and keys, and the model's id: or `auto`, OpenAI's own where it can be asked; or off."""
        self._catalog = catalog
        self._router = router
        self._keys = keys
        self._model = model

    async def model_for(self, owner: IdentityId) -> str | None:
        """Return who writes down what somebody says; None: nobody can be asked."""
        model = self._configured()
        if model is None or self._router.key_source(model, await self._keys.providers(owner)) is None:
            return None
        return model

    async def write_down(self, owner: IdentityId, data: bytes) -> str:
        """Return what is said. Raises NoTranscription, NoKey, RecordingInvalid or TranscriptionFailed."""
        model = self._configured()
        if model is None:
            raise NoTranscription
        recording = Recording(media_type=_type_of(data), data=data)
        journey = await journey_of(self._router, self._keys, model, owner)
        way = journey.begin()
        while isinstance(way.provider, Transcriber):
            try:
                return (await way.provider.transcribe(way.model.id.partition("/")[2], recording)).strip()
            except ProviderError as error:
                other = journey.after(error)
                if other is None and error.kind is ErrorKind.BAD_REQUEST:
                    raise RecordingInvalid(error.message) from None
                if other is None:
                    raise TranscriptionFailed(error.message) from None
                way = other
        raise NoKey

    def _configured(self) -> str | None:
        if self._model != AUTO:
            return None if self._model == OFF else self._model
        source = self._catalog.source_of("openai")
        return None if source is None or source.custom else AUTO_MODEL


def _type_of(data: bytes) -> str:
    """Return the type of a recording by its content. Raises RecordingInvalid."""
    for at, sign, media_type in _SIGNS:
        if data[at : at + len(sign)] == sign:
            return media_type
    raise RecordingInvalid
