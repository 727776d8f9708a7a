"""A Redis whose place a copy of itself takes: what was written after the copy is lost."""

import shutil


class RedisCopy:
    """copy() keeps what there is, swap() kills the server and starts it with that."""

    def __init__(self, redis):
        self.redis = redis
        self._copy = redis.directory / "copy.rdb"

    def copy(self):
        with self.redis.client() as client:
            client.save()
        shutil.copy(self.redis.dump_file, self._copy)

    def swap(self):
        self.redis.kill()
        shutil.copy(self._copy, self.redis.dump_file)
        self.redis.start()
