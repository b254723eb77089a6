"""What a browser keeps that has shown the password of a link, so that it is not asked again at each page."""

from itsdangerous import BadSignature, TimestampSigner

SECONDS = 24 * 3600


class Grants:
    """Makes and reads signed values, each of which opens one snapshot for a day."""

    def __init__(self, secret: str) -> None:
        """Take the key that signs."""
        self._signer = TimestampSigner(secret, salt="penstock.share")

    def issue(self, share_id: str) -> str:
        """Return the value for a snapshot."""
        return self._signer.sign(share_id).decode()

    def opens(self, value: str, share_id: str) -> bool:
        """Say whether a value was issued for this snapshot within the last day."""
        try:
            return self._signer.unsign(value, max_age=SECONDS).decode() == share_id
        except BadSignature:
            return False
