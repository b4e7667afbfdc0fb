"""Where jobs' inputs and outputs lie: the stores behind the port `BlobStore`."""
