"""Where people keep their chats: folders in folders, and tags."""
