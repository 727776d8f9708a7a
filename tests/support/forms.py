"""The forms that ids and times have everywhere."""

import re

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
CONNECTION_ID = re.compile(r"ws_[A-Za-z0-9_-]{22,}")  # 128 random bits take 22 characters of base64
RANDOM_128 = re.compile(r"[A-Za-z0-9_-]{22,}")
TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
