"""What people attach to messages: pictures, and long text."""
