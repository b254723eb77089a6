"""Small tools that would fit any product: no word of our domain is known here."""
