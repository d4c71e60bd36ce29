"""The fields of a record before its samples: fixed columns, ALT, INFO, and where it ends."""
