"""Landing: new and changed files are read once, known contents are left alone, and the touched days are told.

A file is skipped where its path, size and times are those of the last look; otherwise by its content: the same
fingerprint adds nothing, whatever the file is called or packed with, and a file that begins with a known content is
that one grown, and replaces it. The other way round, a content with which a longer one begins adds nothing. The last
line of a file that may still be written waits for its newline.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard, get_args

from growth_assets import workers
from growth_assets.ingest import beginning, clock, ledger, many_files, one_file, placing, unfinished
from growth_assets.ingest.beginning import ReadFiles
from growth_assets.ingest.fan_out import staging_folder
from growth_assets.ingest.files import LandingFile, Stat, Unreadable, became_another, landing_files, shown
from growth_assets.ingest.ledger import Entry, Lacks, Ledger
from growth_assets.ingest.many_files import Machines, ReadByMachines
from growth_assets.ingest.one_file import NOT_READ, Ahead, ReadFile, ToRead, read_file
from growth_assets.places import Place, is_remote
from growth_assets.settings import Settings, Source
from growth_assets.sources import decompressed
from growth_assets.sources.errors import SourceError
from growth_assets.sources.fingerprint import FIRST_BYTES, Fingerprint, fingerprint
from growth_assets.sources.formats import PARQUET, TEXT_FORMATS
from growth_assets.warehouse import durable, locks

HEAD = 4096
"""First bytes that tell whether two contents can begin alike."""

READER_VERSION = "7"
"""Raised when the readers make other rows of the same bytes: known files are then read again."""

AHEAD = 4
"""So many files may be read before their turn; of each its rows are staged."""

MOST_AHEAD = 32 << 20
"""No file of more bytes is: two at once would take twice the memory."""

ATTEMPTS = 3
"""So often a file is begun anew that is replaced by another one while it is read."""

CORRUPT = "Bring the file again, or unpack it by hand and bring what is right of it."
"""What to do with an archive of which no part has a right checksum."""

CONTRADICTION = (
    "{path}: its data ends early, so that no checksum vouches for it, and {other} begins as it does and goes on "
    "otherwise: wrong bytes are in it, and it does not count. Bring the file again, or take it away."
)

Progress = Callable[[str, int, int], None]
"""Told before each file: its name, how many are done, how many there are."""


@dataclass
class Landed:
    """What one look at the landing folder came to."""

    read: list[Entry] = field(default_factory=list)
    """Contents that are new, or grew, or are read with other settings."""
    known: int = 0
    """Files whose content was there already."""
    unreadable: list[Unreadable] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    """Files whose last line waits for its end: it has no newline, and the file was changed a moment ago."""
    touched: list[str] = field(default_factory=list)
    """Days that changed."""
    not_there: dict[str, str] = field(default_factory=dict)
    """Files that were read here, since no machine of the cluster could read them, and what it said."""


def land(
    settings: Settings, progress: Progress | None = None, machines: Machines | None = None, *,
    may_publish: Callable[[], None] = lambda: None, may_go_on: Callable[[], None] = lambda: None,
) -> Landed:  # fmt: skip
    """Read what is new in landing. Of two at once, the second waits and finds nothing new.

    A file that cannot be read is told and holds up no other. Where much is new, `machines` read it. Before anything is
    published or remembered `may_publish` is called: it returns when that may be, and raises where it never will.
    `may_go_on` is called again and again while files are waited for and read, and raises where nobody wants them.
    """
    settings.require_stores()
    folder = settings.warehouse / "landing"
    with locks.exclusive(settings.workplace / "_locks" / "landing.lock", may_go_on):
        # Whatever is staged was left by a process that died: nobody else holds the lock.
        shutil.rmtree(settings.workplace / "landing" / "_staging", ignore_errors=True)
        before = ledger.read(settings.warehouse)
        placing.tidy(settings, before)
        look = _Look(settings, folder, before, may_publish, may_go_on)
        files = list(landing_files(settings))
        with closing(_read_ahead(look, files, machines)) as coming:
            for done, file in enumerate(coming):
                may_go_on()
                if progress:
                    progress(file.name, done, len(files))
                look.take_or_tell(file)
        may_publish()
        look.remember_paths()
        look.settle()
        after = ledger.read(settings.warehouse)
        days = {*before.by_day, *after.by_day}
        look.landed.touched = sorted(ds for ds in days if before.inputs(ds) != after.inputs(ds))
        return look.landed


Files = Generator[LandingFile | Unreadable, None, None]


def _read_ahead(look: _Look, files: list[LandingFile | Unreadable], machines: Machines | None) -> Files:
    """The files one by one; where many are new, others read the next ones meanwhile."""
    if machines and many_files.worth_it(filter(look.is_new, files)):
        yield from _read_by_machines(look, files, machines)
        return
    new = sum(map(look.may_read_ahead, files))
    if new < workers.WORTH_IT:
        yield from files
        return
    with workers.at_hand() as some, ThreadPoolExecutor(workers.AT_ONCE) as pool:
        some.start(one_file.__name__)
        ahead, begun = Ahead(some, pool), 0
        try:
            for done, file in enumerate(files):
                for following in files[max(begun, done) : done + AHEAD]:
                    if look.may_read_ahead(following):
                        look.begin(following, ahead)
                begun = done + AHEAD
                yield file
        finally:
            ahead.drop()


def _read_by_machines(look: _Look, files: list[LandingFile | Unreadable], machines: Machines) -> Files:
    """The files one by one, those of many tasks after the other, which machines read before."""
    ahead = look.ahead = ReadByMachines(machines, look.settings.workplace / "landing")
    coming: list[LandingFile | Unreadable] = []
    try:
        for number, file in enumerate(files, 1):
            coming.append(file)
            if look.is_new(file) and (to_read := look.read_as_new(file)):
                ahead.plan(file, to_read)
            if number == len(files) or ahead.tasks > many_files.TASKS_AT_ONCE:
                ahead.read()
                yield from coming
                coming.clear()
        read_here = ahead.not_read.keys() - {each.name for each in look.landed.unreadable}
        look.landed.not_there = {name: ahead.not_read[name] for name in sorted(read_here)}
    finally:
        ahead.drop()


def _why(file: LandingFile, error: Exception) -> str:
    if is_remote(file.path) or os.path.lexists(file.path):
        return shown(str(error))
    return f"{shown(str(file.path))}: vanished while it was read. Where it was renamed, the next look reads it."


def reading_of(settings: Settings, source: Source) -> str:
    """Digest of the settings that decide what the readers make of a file of `source`."""
    hostname, ahead = settings.default_hostname(source), settings.future_tolerance_hours
    return durable.digest_of([READER_VERSION, source.model_dump(exclude={"files"}), hostname, ahead])


def first_bytes(path: Place, length: int) -> bytes:
    """The first decompressed bytes of a file, at most `length`."""
    return decompressed.beginning(path, length)[0]


def _begun_by(found: Fingerprint, alike: Iterable[Entry]) -> list[Entry]:
    """Those of `alike` with whose bytes a content begins."""
    return [entry for entry in alike if found.prefixes.get(entry.length) == entry.fingerprint]


class _Look:
    """One look at the landing folder; takes files one by one."""

    def __init__(
        self, settings: Settings, folder: Place, before: Ledger, may_publish: Callable[[], None],
        may_go_on: Callable[[], None],
    ) -> None:  # fmt: skip
        self.settings, self.folder = settings, folder
        self.may_publish, self.may_go_on = may_publish, may_go_on
        self.entries: dict[str, Entry] = dict(before.known)
        self.current: dict[str, Entry] = dict(before.current)
        self.cache: Mapping[str, object] = durable.read_json(folder / "paths.json") or {}
        self.paths: dict[str, object] = {}
        self.decided: dict[str, str] = {}
        """Content to the reading that counts: of several files that hold it, the first one's source decides."""
        self.landed = Landed()
        self.newest = max((entry.read_at for entry in self.entries.values()), default="")
        """When the newest of all contents was read."""
        self.ahead: Ahead | ReadByMachines | None = None

    def take_or_tell(self, file: LandingFile | Unreadable) -> None:
        """Bring what the file holds into the ledger; where it cannot be read, that is told."""
        if isinstance(file, Unreadable):
            self.landed.unreadable.append(file)
            self.not_read(file.name, file.stat, "")
            return
        try:
            self.take(file)
        except NOT_READ as error:
            self.landed.unreadable.append(Unreadable(file.name, _why(file, error), file.stat))
            if isinstance(error, SourceError):
                # Not so others: when a disk is full no longer, or a defect is mended, the file is as it was.
                self.not_read(file.name, file.stat, reading_of(self.settings, file.source))
            elif file.name in self.cache:
                # What it was at the last look: its content is not gone because it cannot be read for once.
                self.paths[file.name] = self.cache[file.name]

    def take(self, file: LandingFile) -> None:
        """Bring what the file holds into the ledger, unless it is there.

        Raises:
            SourceError: the file cannot be read, or never stays as it is for long enough.
        """
        for _ in range(ATTEMPTS):
            if self._take(file):
                return
        raise SourceError(f"{file.path}: became another file while it was read. The next look reads it again.")

    def _take(self, file: LandingFile) -> bool:
        """False where the file became another one meanwhile, as by a rotation."""
        reading = reading_of(self.settings, file.source)
        growing = file.may_grow(clock.now(), self.settings.settle_seconds)
        seen = self.cache.get(file.name)
        if isinstance(seen, dict) and "fingerprint" in seen and seen.get("stat") == list(file.stat):
            print_ = str(seen.get("fingerprint"))
            # The same file has the same damage, where it has one.
            if self._known(file, print_, reading, growing=growing, damaged=True):
                return True
        head = first_bytes(file.path, HEAD)
        alike = self._alike(head)
        shorter: list[Entry] = []
        read_at: str | None = None
        if alike:
            lengths = [entry.length for entry in alike]
            found = self._fingerprint(file, lengths)
            if found.doubtful:
                found = self._fingerprint(file, lengths, found.sound)
            if self._known(file, found.sha256, reading, growing=growing, damaged=found.damage is not None):
                return True
            # Known under other settings: what is in the future was settled when it first came.
            read_at = next((entry.read_at for entry in alike if entry.fingerprint == found.sha256), None)
            shorter = _begun_by(found, alike)
        if len(head) <= FIRST_BYTES and self._begins_another(file, head, reading):
            return True
        try:
            return self._read(file, reading, shorter, read_at, growing=growing)
        except SourceError:
            # Wrong bytes of a corrupt archive may look like anything, also like no log.
            found = self._fingerprint(file)
            if not found.doubtful:
                raise
            if not found.sound:
                raise SourceError(f"{found.damage}. {CORRUPT}") from None
            return self._read(file, reading, shorter, read_at, growing=growing, sound=found.sound)

    def _fingerprint(self, file: LandingFile, lengths: Collection[int] = (), sound: int | None = None) -> Fingerprint:
        return fingerprint(file.path, lengths, sound, self.may_go_on)

    def _begins_another(self, file: LandingFile, content: bytes, reading: str) -> bool:
        """True where the whole content is so short that its bytes alone show it to be the beginning of a longer one.

        What it would be read as says nothing: the first half of a line may be in no format, or in another one.
        """
        longer = next((each for each in self.current.values() if beginning.told_by_bytes(content, each)), None)
        if longer is None or not content:
            return False
        found = self._fingerprint(file, beginning.LENGTHS)
        if found.doubtful or found.first != content or found.length != len(content):
            return False
        now = clock.moment(self.newest)
        entry = Entry(
            fingerprint=found.sha256,
            length=found.length,
            head=found.sha256,
            head_length=found.length,
            source=file.source.name,
            source_file=file.name,
            format=longer.format,
            reading=reading,
            lines=0,
            events=0,
            rejected=0,
            started_at=None,
            read_at=now.isoformat(),
            latest=clock.latest(now, self.settings).isoformat(),
            segments={},
            beginnings={str(each): sha256 for each, sha256 in found.prefixes.items()},
            first=base64.b64encode(found.first).decode(),
        )
        self._publish_inside(entry, longer)
        self._seen(file, entry.fingerprint, reading)
        return True

    def _known(self, file: LandingFile, sha256: str, reading: str, *, growing: bool, damaged: bool) -> bool:
        """True where the content is known as it would be read now."""
        decided = self.decided.get(sha256, reading)
        if decided != reading:
            self.landed.known += 1
            self._seen(file, sha256, reading, decided)
            return True
        whole, waiting, torn = (ledger.entry_id(sha256, reading, lacks) for lacks in get_args(Lacks))
        # What is inside a longer content adds nothing, however it was read; so may be told of a copy of a half line.
        lacking = ((waiting, growing), (torn, damaged))
        accepted = [whole, *(each for each, now in lacking if now or each not in self.current)]
        found = next((each for each in accepted if self._counts(each, sha256)), None)
        if found is None:
            return False
        if found == waiting and waiting in self.current:
            self.landed.unfinished.append(file.name)
        self.landed.known += 1
        self._seen(file, sha256, reading)
        return True

    def _counts(self, identifier: str, sha256: str) -> bool:
        """True where a reading counts, be it by itself or inside that of a longer content."""
        if identifier not in self.entries:
            return False
        return identifier in self.current or any(
            identifier in entry.replaces and entry.fingerprint != sha256 and identifier not in entry.contradicts
            for entry in self.current.values()
        )

    def _alike(self, head: bytes) -> list[Entry]:
        digests: dict[int, str] = {}
        for length in {entry.head_length for entry in self.entries.values() if entry.head_length <= len(head)}:
            digests[length] = hashlib.sha256(head[:length]).hexdigest()
        # A content without a byte begins every file and stands for none.
        return [e for e in self.entries.values() if e.length and digests.get(e.head_length) == e.head]

    def _read(
        self,
        file: LandingFile,
        reading: str,
        shorter: list[Entry],
        read_at: str | None,
        *,
        growing: bool,
        sound: int | None = None,
        twin: Entry | None = None,
    ) -> bool:
        """Read the file into the ledger, in the place of its shorter selves, or of `twin`, which has the same rows."""
        # A header alone begins many files: no row of it could be mistaken for one of theirs.
        counted = [entry for entry in shorter if entry.id in self.current and entry.lines]
        name = min(counted, key=lambda entry: entry.length).source_file if counted else self._free_name(file.name)
        if twin:
            name, read_at = twin.source_file, twin.read_at
        known = shorter or read_at or sound is not None or twin
        ahead = None if known else self._read_ahead(file, name, growing=growing)
        done = ahead or read_file(
            self._to_read(file, name, read_at, growing=growing, sound=sound),
            staging_folder(self.settings.workplace / "landing"),
            workers.AT_ONCE,
            self.may_go_on,
        )
        try:
            result, found = done.fanned, done.fingerprint
            if found.doubtful:
                # Rows that may be wrong would count beside the right ones of the file when it comes whole.
                raise SourceError(f"{found.damage}. {CORRUPT}")
            # Parquet is read after its bytes; a text is read once, and may have grown since it was looked at.
            torn = (done.format == PARQUET and done.torn) or became_another(done.of.path, done.stat)
            begun = [entry for entry in _begun_by(found, self.entries.values()) if entry.length]
            if torn or {entry.id for entry in begun} != {entry.id for entry in shorter}:
                return False
            before = [*shorter, *([twin] if twin else [])]
            replaces = {entry.id for entry in before} | {each for entry in before for each in entry.replaces}
            entry = Entry(
                fingerprint=found.sha256,
                length=found.length,
                head=found.prefixes.get(HEAD, found.sha256),
                head_length=min(HEAD, found.length),
                source=file.source.name,
                source_file=name,
                format=done.format or "empty",
                reading=reading,
                lines=result.lines,
                events=result.events,
                rejected=result.rejected,
                started_at=result.started_at,
                read_at=done.of.moment.isoformat(),
                latest=done.of.latest.isoformat(),
                segments=result.segments or {},
                beginnings={str(each): found.prefixes[each] for each in beginning.LENGTHS if each in found.prefixes},
                unfinished=done.unfinished,
                damaged=found.damage is not None,
                unsure=found.damage is not None and found.sound is None,
                contradicts=tuple(sorted({each for entry in shorter for each in entry.contradicts})),
                rows=done.rows,
                log_format=file.source.log_format,
                first=base64.b64encode(found.first).decode(),
            )
            entry = dataclasses.replace(entry, replaces=tuple(sorted(replaces - {entry.id})))
            mine = ReadFiles(done.folder / "segments", done.folder / "rejected.parquet")
            same = None if twin else self._of_the_same_rows(entry, mine)
            if same and same.reading != reading and same.fingerprint not in self.decided:
                # Its settings have changed, or its file is gone: as if this were that file.
                return self._read(file, reading, shorter, read_at, growing=growing, twin=same)
            longer = same or self._longer(entry, mine, done.sure_below, file, sound)
            if longer:
                self._publish_inside(entry, longer)
            else:
                self._publish(self._against(entry, mine, file), done.folder)
                if entry.unfinished:
                    self.landed.unfinished.append(file.name)
            self._seen(file, entry.fingerprint, reading)
            return True
        finally:
            shutil.rmtree(done.folder, ignore_errors=True)

    def _to_read(
        self, file: LandingFile, name: str, read_at: str | None, *, growing: bool, sound: int | None = None
    ) -> ToRead:
        moment = dt.datetime.fromisoformat(read_at) if read_at else clock.moment(self.newest)
        return ToRead(
            file.path, file.source, name, self.settings.default_hostname(file.source),
            frozenset({*beginning.LENGTHS, HEAD, *(entry.length for entry in self.entries.values())}), moment,
            clock.latest(moment, self.settings), growing, sound,
        )  # fmt: skip

    def is_new(self, file: LandingFile | Unreadable) -> TypeGuard[LandingFile]:
        """True where the file is new as far as its path tells."""
        seen = self.cache.get(file.name)
        known = isinstance(seen, dict) and seen.get("stat") == list(file.stat)
        return isinstance(file, LandingFile) and not known

    def may_read_ahead(self, file: LandingFile | Unreadable) -> TypeGuard[LandingFile]:
        """True where the file is new, small and on this machine."""
        return self.is_new(file) and file.stat[0] <= MOST_AHEAD and not is_remote(file.path)

    def begin(self, file: LandingFile, ahead: Ahead) -> None:
        """Have a file read that is new as far as its first bytes tell; at its turn it is looked at again."""
        if to_read := self.read_as_new(file):
            ahead.begin(to_read, staging_folder(self.settings.workplace / "landing"))
            self.ahead = ahead

    def read_as_new(self, file: LandingFile) -> ToRead | None:
        """How the file is read as far as its first bytes tell that it is new; None where they do not."""
        with suppress(SourceError, OSError):
            if not self._alike(first_bytes(file.path, HEAD)):
                growing = file.may_grow(clock.now(), self.settings.settle_seconds)
                to_read = self._to_read(file, self._free_name(file.name), None, growing=growing)
                # No content that is known can be its beginning, so that none is looked for.
                return dataclasses.replace(to_read, prefix_lengths=frozenset({*beginning.LENGTHS, HEAD}))
        return None

    def _read_ahead(self, file: LandingFile, name: str, *, growing: bool) -> ReadFile | None:
        """What was read of it before its turn, where that is what would be read now of a content that is new."""
        read = self.ahead.take(name) if self.ahead else None
        if read is None:
            return None
        head = first_bytes(file.path, HEAD)
        same = hashlib.sha256(head).hexdigest() == read.fingerprint.prefixes.get(HEAD, read.fingerprint.sha256)
        if same and (read.of.path, read.of.growing) == (file.path, growing) and not self._alike(head):
            return read
        shutil.rmtree(read.folder, ignore_errors=True)
        return None

    def _of_the_same_rows(self, entry: Entry, mine: ReadFiles) -> Entry | None:
        """The Parquet file that counts and is this one, packed in another way."""
        for other in self.current.values():
            if (
                entry.rows
                and (other.rows, other.lines) == (entry.rows, entry.lines)
                and other.fingerprint != entry.fingerprint
                and beginning.same_rows(entry.lines, mine, self._read_files(other))
            ):
                return other
        return None

    def _sound_selves(self, entry: Entry) -> set[str]:
        """Those in the place of which the entry counts, without unsure ones."""
        return {each for each in entry.replaces if each in self.entries and not self.entries[each].unsure}

    def _free_name(self, name: str) -> str:
        """`name`, or with a number where another content was first seen under it, as after a rotation."""
        # A content without a line has no row that its name could be mistaken for, nor has one in whose place it is.
        emptied = {each for entry in self.entries.values() if not entry.lines for each in entry.replaces}
        taken = {entry.source_file for entry in self.entries.values() if entry.lines and entry.id not in emptied}
        number = 1
        while (candidate := name if number == 1 else f"{name}@{number}") in taken:
            number += 1
        return candidate

    def _longer(
        self, entry: Entry, mine: ReadFiles, sure_below: int, file: LandingFile, sound: int | None
    ) -> Entry | None:
        """The content that counts and begins with this one, as a grown file does with an older copy of itself."""
        for other in self.current.values():
            if beginning.may_begin(entry, other):
                theirs = self._read_files(other)
                changed = other.replayed or entry.reading != other.reading
                if beginning.read_alike(sure_below, mine, theirs, other_settings=changed) or (
                    (entry.format, entry.log_format) != (other.format, other.log_format)
                    and self._begins_as_read_before(file, other, theirs, sound)
                ):
                    return other
        return None

    def _read_files(self, entry: Entry) -> ReadFiles:
        rejected = ledger.rejected_path(self.settings.warehouse, entry.id)
        return ReadFiles(ledger.segment_folder(self.folder, entry.id), rejected)

    def _begins_as_read_before(self, file: LandingFile, other: Entry, theirs: ReadFiles, sound: int | None) -> bool:
        """True where the file is the beginning of `other` when it is read in the format in which that one was."""
        if other.format not in TEXT_FORMATS:
            return False
        staged = staging_folder(self.settings.workplace / "landing")
        source = file.source.model_copy(update={"format": other.format, "log_format": other.log_format})
        hostname, latest = self.settings.default_hostname(source), dt.datetime.fromisoformat(other.latest)
        to_read = ToRead(
            file.path, source, file.name, hostname, frozenset(), latest, latest, growing=False, sound=sound
        )
        try:
            again = read_file(to_read, staged, workers.AT_ONCE, self.may_go_on)
            mine = ReadFiles(staged / "segments", staged / "rejected.parquet")
            return beginning.read_alike(again.sure_below, mine, theirs, other_settings=True)
        except SourceError:
            return False
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def _against(self, entry: Entry, mine: ReadFiles, file: LandingFile) -> Entry:
        """The entry, in the place of unsure contents as well that begin as it does and go on otherwise.

        Raises:
            SourceError: it is unsure itself, and another content begins so.
        """
        against = []
        for other in self.current.values():
            if (entry.unsure or other.unsure) and other.id not in {entry.id, *entry.replaces}:
                theirs, changed = self._read_files(other), other.replayed or entry.reading != other.reading
                if beginning.may_begin_alike(entry, other) and beginning.same_first_event(
                    mine, theirs, other_settings=changed
                ):
                    against.append(other)
        if entry.unsure and against:
            raise SourceError(CONTRADICTION.format(path=file.path, other=against[0].source_file))
        # What is sound of the past of such a content is hidden by it, and would be lost with it.
        ids = {each.id for each in against if self._sound_selves(each) <= set(entry.replaces)}
        return dataclasses.replace(
            entry,
            replaces=tuple(sorted({*entry.replaces, *ids})),
            contradicts=tuple(sorted({*entry.contradicts, *ids})),
        )

    def _publish_inside(self, entry: Entry, longer: Entry) -> None:
        """Remember a content that is in a longer one already: as if it had landed before it."""
        self.may_publish()
        with ledger.held(self.settings.workplace):
            longer = dataclasses.replace(longer, replaces=tuple(sorted({*longer.replaces, entry.id})))
            # In this order: a process that dies between the two leaves nothing that counts twice.
            for each in (longer, entry):
                durable.write_json(ledger.entry_path(self.folder, each.id), each.to_json())
                self.entries[each.id] = each
            self.current[longer.id] = longer
            self.landed.known += 1

    def _publish(self, entry: Entry, staged: Path) -> None:
        self.may_publish()
        with ledger.held(self.settings.workplace):
            self._put_in_place(entry, staged)
            self.landed.read.append(entry)

    def _put_in_place(self, entry: Entry, staged: Path) -> None:
        placing.put_in_place(self.settings.warehouse, entry, staged)
        self.entries[entry.id] = entry
        self.current[entry.id] = entry
        for replaced in entry.replaces:
            self.current.pop(replaced, None)
            other = self.entries.get(replaced)
            if other is not None and other.fingerprint == entry.fingerprint:
                del self.entries[replaced]

    def _seen(self, file: LandingFile, sha256: str, reading: str, decided: str | None = None) -> None:
        self.decided.setdefault(sha256, reading)
        instead = {"reading": reading, "decided": decided} if decided else {}
        self.paths[file.name] = {"stat": list(file.stat), "fingerprint": sha256, **instead}

    def not_read(self, name: str, stat: Stat, reading: str) -> None:
        """Remember that a file was looked at and cannot be read as it is, with the settings it was tried with."""
        self.paths[name] = {"stat": list(stat), "unreadable": reading}

    def settle(self) -> None:
        """Read last lines as they are whose file is gone, once they have waited for long enough."""
        there = {str(each.get("fingerprint")) for each in self.paths.values() if isinstance(each, dict)}
        for entry in unfinished.abandoned(self.settings, ledger.read(self.settings.warehouse), there):
            if not unfinished.is_over(self.settings, entry):
                self.landed.unfinished.append(entry.source_file)
                continue
            try:
                self.landed.read.append(unfinished.settle(self.settings, entry))
            except (SourceError, OSError) as error:
                self.landed.unreadable.append(Unreadable(entry.source_file, shown(str(error))))

    def remember_paths(self) -> None:
        if self.paths != self.cache:
            durable.write_json(self.folder / "paths.json", self.paths)
