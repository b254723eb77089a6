"""What models are asked beside conversations: a chat's title, a summary of what does not fit any more."""
