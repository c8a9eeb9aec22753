"""Files of all kinds: kept, found, downloaded, unpacked; imports `runtime` alone."""
