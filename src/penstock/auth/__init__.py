"""Who is asking: accounts and guests with sessions and tokens, and visitors with nothing but a cookie of ours."""
