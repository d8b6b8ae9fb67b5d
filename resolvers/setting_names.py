"""Variables whose names are almost those of settings: the operator meant one, and would wonder why nothing changes."""

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from resolvers.settings import Settings, is_secret, variables

_SHORTEST_NAME, _CLOSE = 7, 0.86
"""Of a name that counts as a misspelt setting: CHARTMOGUL_PORT is none, orchestrators set such variables."""

_SHORTEST_SINGLE = 5
"""Of a setting of one word that a letter may be wrong of: PORTS and HOSTS are other programs'."""

_SHORTEST_WORD = 3
"""Of a word that counts as the beginning of another: NEXUDUS_USER for NEXUDUS_USERNAME."""


def misspelt(structs: Iterable[type[Settings]], environ: Mapping[str, str]) -> list[str]:
    """Return one line for each variable whose name is almost that of a setting, with the settings it may stand for.

    Only for such: what else is in the environment is nobody's business, whatever it begins with.
    """
    known = [v for struct in structs for name, field in variables(struct).items() for v in _spellings(name, field)]
    lines = []
    for name in environ.keys() - known:
        if name.removesuffix("_FILE") in known:
            lines.append(f"{name}: no such setting: only secrets come from files")
        elif meant := _similar(name.upper().replace("-", "_"), known):
            lines.append(f"{name}: no such setting; did you mean {' or '.join(meant)}?")
    return sorted(lines)


def _similar(name: str, known: Collection[str]) -> list[str]:
    """Return the names that one may stand for: with words cut short, with a few other letters, with another word."""
    singles = [other for other in known if "_" not in other and len(other) >= _SHORTEST_SINGLE]
    if near := [other for other in singles if _is_one_slip_off(name, other)]:
        return near
    if f"{name}_URL" in known:
        return [f"{name}_URL"]
    if len(name) < _SHORTEST_NAME:
        return []
    if name in known:
        return [name]
    words = name.split("_")
    near = [other for other in known if _is_cut_short(words, other.split("_"))]
    near = near or difflib.get_close_matches(name, known, n=1, cutoff=_CLOSE)
    near += [other for other in known if _lacks_a_word(words, other.split("_"))]
    near = near or _of_its_kind(words, known)
    # One too many only behind the first: OTHER_API_KEYS is another program's.
    near = near or [o for o in known if o.startswith(f"{words[0]}_") and _lacks_a_word(o.split("_"), words)]
    return list(dict.fromkeys(near))[:2]


def _of_its_kind(words: Sequence[str], known: Collection[str]) -> list[str]:
    """Return the settings that begin with the first word of a name, if all of them and the name begin with two."""
    kind = [other for other in known if other.startswith(f"{words[0]}_")]
    are_of_one = all(other.split("_")[1] == words[1] for other in kind) if len(words) > 2 else False
    # A service of that name has variables, too.
    if len(kind) < 2 or not are_of_one or {"HOST", "PORT", "SERVICE"} & set(words):
        return []
    return difflib.get_close_matches("_".join(words), kind, n=2, cutoff=0)


def _is_one_slip_off(word: str, other: str) -> bool:
    """Return whether a letter is missing, too many or another one, two are swapped, or only the case is wrong."""
    length = min(len(word), len(other))
    common = next((at for at in range(length) if word[at] != other[at]), length)
    rest, others = word[common:], other[common:]
    is_swapped = rest[:2] == others[1::-1] and rest[2:] == others[2:]
    return is_swapped or rest[1:] == others[1:] or rest == others[1:] or rest[1:] == others


def _is_cut_short(words: Sequence[str], others: Sequence[str]) -> bool:
    return len(words) == len(others) > 1 and all(
        word == other or (other.startswith(word) and len(word) >= _SHORTEST_WORD)
        for word, other in zip(words, others, strict=True)
    )


def _lacks_a_word(words: Sequence[str], others: Sequence[str]) -> bool:
    return 1 < len(words) == len(others) - 1 and any(
        [*others[:at], *others[at + 1 :]] == list(words) for at in range(len(others))
    )


def _spellings(name: str, field: msgspec.structs.FieldInfo) -> tuple[str, ...]:
    return (name, f"{name}_FILE") if is_secret(field) else (name,)
