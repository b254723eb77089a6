"""Who is asking. So far every visitor is a browser with a cookie that we signed."""
