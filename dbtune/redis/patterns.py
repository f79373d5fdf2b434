"""A command's pattern: its name and the shape of its keys, without the data in them.

Arguments are data and are never shown. Of a key, words stay and what looks like data becomes ``*``:
``HGETALL cart:8812`` is ``HGETALL cart:*``. Only commands are known here whose keys stand where
the table says; of any other command just the name is shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_NAME = re.compile(r"[A-Z][A-Z0-9_.|-]{0,39}")
_SEPARATORS = re.compile(r"([:/.|#{},;\[\]]+)")
_WORDS = re.compile(r"[^\W\d_]{1,24}(?:[-_][^\W\d_]{1,24}){0,4}")
_NUMBERED = re.compile(rf"({_WORDS.pattern}[-_]?)\d{{1,12}}")
_HEX = re.compile(r"(?=.*\d)[0-9a-fA-F-]{8,}|[0-9a-fA-F]{16,}")
_GLOB = re.compile(r"[*?]+")
_JOINT = re.compile(r"[*?_-]+")
_CUT = re.compile(r"\.\.\. \((\d+) more (bytes|arguments)\)\Z")
_KEY_LIMIT = 200

FIRST_IS_KEY = frozenset(
    "APPEND BITCOUNT BITFIELD BITFIELD_RO BITPOS BLMOVE BLPOP BRPOP BRPOPLPUSH BZPOPMAX BZPOPMIN "
    "COPY DECR DECRBY DEL DUMP EXISTS EXPIRE EXPIREAT EXPIRETIME GEOADD GEODIST GEOHASH GEOPOS "
    "GEORADIUS GEORADIUSBYMEMBER GEORADIUSBYMEMBER_RO GEORADIUS_RO GEOSEARCH GEOSEARCHSTORE GET "
    "GETBIT GETDEL GETEX GETRANGE GETSET HDEL HEXISTS HEXPIRE HEXPIREAT HEXPIRETIME HGET HGETALL "
    "HGETDEL HGETEX HINCRBY HINCRBYFLOAT HKEYS HLEN HMGET HMSET HPERSIST HPEXPIRE HPEXPIREAT "
    "HPEXPIRETIME HPTTL HRANDFIELD HSCAN HSET HSETEX HSETNX HSTRLEN HTTL HVALS INCR INCRBY "
    "INCRBYFLOAT LCS LINDEX LINSERT LLEN LMOVE LPOP LPOS LPUSH LPUSHX LRANGE LREM LSET LTRIM MGET "
    "MOVE MSET MSETNX PERSIST PEXPIRE PEXPIREAT PEXPIRETIME PFADD PFCOUNT PFMERGE PSETEX PTTL "
    "RENAME RENAMENX RESTORE RPOP RPOPLPUSH RPUSH RPUSHX SADD SCARD SDIFF SDIFFSTORE SET SETBIT "
    "SETEX SETNX SETRANGE SINTER SINTERSTORE SISMEMBER SMEMBERS SMISMEMBER SMOVE SORT SORT_RO SPOP "
    "SRANDMEMBER SREM SSCAN STRLEN SUBSTR SUNION SUNIONSTORE TOUCH TTL TYPE UNLINK WATCH XACK XADD "
    "XAUTOCLAIM XCLAIM XDEL XLEN XPENDING XRANGE XREVRANGE XTRIM ZADD ZCARD ZCOUNT ZDIFFSTORE "
    "ZINCRBY ZINTERSTORE ZLEXCOUNT ZMSCORE ZPOPMAX ZPOPMIN ZRANDMEMBER ZRANGE ZRANGEBYLEX "
    "ZRANGEBYSCORE ZRANGESTORE ZRANK ZREM ZREMRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE "
    "ZREVRANGE ZREVRANGEBYLEX ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE ZUNIONSTORE KEYS "
    "JSON.ARRAPPEND JSON.ARRLEN JSON.DEL JSON.GET JSON.MERGE JSON.MGET JSON.NUMINCRBY JSON.SET "
    "BF.ADD BF.EXISTS BF.MADD BF.MEXISTS CF.ADD CF.EXISTS TOPK.ADD TS.ADD TS.GET TS.RANGE "
    "FT.SEARCH FT.AGGREGATE".split()
)
"""Commands whose first argument is a key (of KEYS, a pattern of keys; of FT.*, an index)."""

SECOND_IS_KEY = frozenset(("BITOP", "SSUBSCRIBE"))
"""Commands whose second argument is a key."""

COUNTED_KEYS = {
    # command: position of the number of keys; they follow it
    **dict.fromkeys(("EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"), 2),
    **dict.fromkeys(("LMPOP", "SINTERCARD", "ZDIFF", "ZINTER", "ZINTERCARD", "ZMPOP", "ZUNION"), 1),
    **dict.fromkeys(("BLMPOP", "BZMPOP"), 2),
}

_CONTAINERS = frozenset(
    "ACL CLIENT CLUSTER COMMAND CONFIG DEBUG FUNCTION LATENCY MEMORY MODULE OBJECT PUBSUB SCRIPT "
    "SLOWLOG XGROUP XINFO".split()
)
_CONTAINERS_OF_KEYS = frozenset(("MEMORY USAGE", "OBJECT ENCODING", "OBJECT FREQ"))
_CONTAINERS_OF_KEYS |= {"OBJECT IDLETIME", "OBJECT REFCOUNT", "XGROUP CREATE", "XINFO STREAM"}
_CONTAINERS_OF_KEYS |= {"XINFO GROUPS", "XINFO CONSUMERS", "DEBUG OBJECT"}
_NAMED = frozenset(("EVALSHA", "EVALSHA_RO", "FCALL", "FCALL_RO"))


def command_name(words: Sequence[str]) -> str:
    """The command in capitals, with its subcommand: ``HGETALL``, ``CONFIG GET``; "" if none."""
    first = words[0].upper() if words else ""
    if not _NAME.fullmatch(first):
        return ""
    second = words[1].upper() if len(words) > 1 else ""
    if first in _CONTAINERS and re.fullmatch("[A-Z-]{2,20}", second):
        return f"{first} {second}"
    return first


def command_pattern(words: Sequence[str]) -> str:
    """A command with the patterns of its keys: ``MGET user:*:name …``; never raises.

    Args:
        words: the command and its arguments, as SLOWLOG keeps them (long ones cut).
    """
    name = command_name(words)
    if not name:
        return "(unreadable command)"
    keys = [one for one in _keys(name, words) if not _CUT.match(one)]
    parts = [name]
    if name in _NAMED and len(words) > 1:
        parts.append(_script(words[1]))
    if keys:
        parts.append(key_pattern(keys[0]))
    more = sorted({key_pattern(one) for one in keys[1:]} - set(parts[-1:]))
    return " ".join([*parts, *more[:1]]) + (" …" if len(keys) > 1 else "")


def _script(text: str) -> str:
    """A script's hash, cut to what tells it apart, or a function's name."""
    if re.fullmatch(r"[0-9a-fA-F]{40}", text):
        return text[:10].lower()
    return text if re.fullmatch(r"[A-Za-z_]\w{0,39}", text) else "*"


def _keys(name: str, words: Sequence[str]) -> Sequence[str]:
    if name in _CONTAINERS_OF_KEYS:
        return words[2:3]
    if name in ("MGET", "DEL", "UNLINK", "EXISTS", "TOUCH", "SUNION", "SINTER", "SDIFF"):
        return words[1:]
    if name in FIRST_IS_KEY:
        return words[1:2]
    if name in SECOND_IS_KEY:
        return words[2:3]
    if name in COUNTED_KEYS:
        at = COUNTED_KEYS[name]
        count = words[at] if len(words) > at else ""
        number = int(count) if re.fullmatch(r"[0-9]{1,6}", count) else 0
        return words[at + 1 : at + 1 + number]
    if name == "SCAN":
        return _after(words, "MATCH")
    if name in ("XREAD", "XREADGROUP"):
        return _after(words, "STREAMS")
    return ()


def _after(words: Sequence[str], option: str) -> Sequence[str]:
    place = next((n for n, word in enumerate(words) if word.upper() == option), None)
    return () if place is None else words[place + 1 : place + 2]


def key_pattern(key: str) -> str:
    """A key with what looks like data as ``*``: numbers, UUIDs, hashes, long or odd words."""
    cut = _CUT.search(key)
    text = key[: cut.start()] if cut else key
    parts = [_part(one) for one in _SEPARATORS.split(text[:_KEY_LIMIT]) if one]
    if cut or len(text) > _KEY_LIMIT:
        parts = [*parts[:-1], "*"]
    return re.sub(r"\*{2,}", "*", "".join(parts)) or '""'


def _part(text: str) -> str:
    """A word between separators, or a separator."""
    if _SEPARATORS.fullmatch(text):
        return text
    if _HEX.fullmatch(text):
        return "*"
    if _WORDS.fullmatch(text) or _GLOB.fullmatch(text):
        return text
    numbered = _NUMBERED.fullmatch(text)
    if numbered:
        return f"{numbered[1]}*"
    if _GLOB.search(text):  # of KEYS and SCAN: what stands between is judged by itself
        pieces = re.split(f"({_JOINT.pattern})", text)
        return "".join(one if _JOINT.fullmatch(one) else _part(one) for one in pieces if one)
    return "*"


def hidden_bytes(words: Sequence[str]) -> int:
    """Bytes that SLOWLOG cut off the arguments: how large the data was that the command carried."""
    cuts = [match for match in map(_CUT.search, words) if match and match[2] == "bytes"]
    return sum(int(match[1][:15]) for match in cuts)


def hidden_arguments(words: Sequence[str]) -> int:
    """Arguments that SLOWLOG left out: it keeps 32 of them."""
    match = _CUT.match(words[-1]) if words else None
    return int(match[1][:15]) if match and match[2] == "arguments" else 0
