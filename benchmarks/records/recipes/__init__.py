"""One file a record, a peer, or the reference; what starts with _ is shared."""
