"""From bytes to lines: blocks of text, an index, places to cut, columns of spans."""
