"""What exceptions say, for people: of the clients, of the packages that they use, and of the operating system."""

from typing import Final

from quitanda_clients.i18n.speech import MARKED as N_
from quitanda_clients.i18n.text_patterns import TextPatterns

_OF_CALLS: Final = (
    N_("tried for {seconds} s ({cause})"),
    N_("no answer within {seconds} s ({cause})"),
    N_("{portal}: no answer within {seconds} s"),
    N_("no answer within {seconds} s"),
    N_("{portal}: an empty answer"),
    N_("{portal} is not ready"),
    N_("no connection to the broker {broker}: {cause}"),
    N_("the connection to the broker {broker} was lost: {cause}"),
    N_("no connection to {server} within {seconds} s"),
    N_("no connection to {server}: {cause}"),
    N_("no connection to {server}"),
    N_("no connection"),
    N_("not connected yet"),
    N_("the client is closed"),
    N_("the client was closed before the answer came"),
    N_("the client was closed"),
    N_("interrupted"),
    N_("a reply was lost"),
    N_("a reply that cannot be read: {error}"),
    N_("a reply without a result and its revision"),
    N_("the portal has been silent for {seconds} s"),
    N_("the request could not be published: {cause}"),
    N_("no reply through the broker {broker}"),
    N_("no reply through the broker"),
    N_("the broker refuses the subscription to {topic}"),
    N_("{number} requests of this client are waiting for replies"),
    N_("a portal answered {answer}"),
    N_("the call ended with {code}"),
    N_("the server does not offer this call"),
    N_("the server works on too many calls"),
    N_("a malformed error came back"),
    N_("not the leader; the leader is not known"),
    N_("not the leader; the leader is {leader}"),
    N_("reason {name}"),
    N_("its certificate {problem}"),
    N_("this process's own certificate {problem}"),
    N_("is refused ({reason})"),
    N_(
        "has expired (the clock here says {clock}); renew it there (`python -m quitanda.identity renew`), or set the "
        "clock that is wrong"
    ),
    N_(
        "is not valid yet (the clock here says {clock}); renew it there (`python -m quitanda.identity renew`), or set "
        "the clock that is wrong"
    ),
    N_(
        "is signed by itself or by an authority that is not in ca.pem; use one that `python -m quitanda.identity` "
        "made, and the same ca.pem everywhere"
    ),
    N_(
        "is of an authority that is not in ca.pem; copy the ca.pem of this system, or set the address of one of its "
        "processes"
    ),
    N_("is of another name; the address leads to another process, or the certificate must be made for this name, too"),
    N_("is for another purpose; use the one that was made for this process"),
    N_(
        "it closes connections without TLS; if it has an identity, set QUITANDA_IDENTITY to the folder of this "
        "program's own (for commands the folder clients, which `make run` prints)"
    ),
    N_("it does not speak TLS; start it with an identity, or set QUITANDA_IDENTITY=off here"),
    N_(
        "it ended the connection in the handshake; it may not trust this process's certificate (compare both ca.pem), "
        "one of the two clocks may be wrong, or it does not speak TLS"
    ),
)

_OF_ADDRESSES: Final = (
    N_("{typed} is not an address; write host:port, for example 127.0.0.1:7001"),
    N_("{typed} has no valid host; write host:port, for example 127.0.0.1:7001"),
    N_("{typed} has no valid port; write host:port, with a port from {lowest} to {highest}"),
    N_("no address is given; write host:port, several separated by commas"),
)

_OF_IDENTITIES: Final = (
    N_("the token is not complete: a token is one line of the form qt1_ID_SECRET"),
    N_("the file {file} is empty; write the token into it, one line that begins with qt1_"),
    N_("there is no token to rotate; set {variable}, or name its file with --token-file"),
    N_(
        "the token would travel to {server} in plain text, and whoever reads it on the way could use it; set "
        "{identity} to a folder that has the shop's ca.pem, so that the connection is TLS. Where something else "
        "protects the way, {variable}={allowed} sends it all the same"
    ),
    N_("the file {file} with the token cannot be read: {problem}; name the file that your token is in"),
    N_(
        "the next token cannot be stored in {file} ({problem}), so nothing was sent; free some space, or make the "
        "folder writable"
    ),
    N_("{file}: {problem}; next: {next_step}"),
    N_("it cannot be used ({reason})"),
    N_("it cannot be read ({problem})"),
    N_("it has no PEM text"),
    N_("its PEM text is damaged"),
    N_("it is not text"),
    N_("it is empty"),
    N_("what was there before stays in use; write the file again, whole, with `quitanda.identity renew`"),
    N_(
        "make it with `python -m quitanda.identity create` (in containers: `docker compose run --rm identity create`), "
        "or copy the folder again from where the identities were made"
    ),
    N_(
        "make it anew with `python -m quitanda.identity renew` (in containers: `docker compose run --rm identity "
        "renew`), or copy the folder again from where the identities were made"
    ),
    N_(
        "put the token there, one line that begins with qt1_; the first administrator's is in the folder `clients` "
        "where the identities were made"
    ),
)

_OF_FILES: Final = (
    N_("the file {file} for tokens {problem}; {next_step}"),
    N_("the file {file} for the fetched pages {problem}"),
    N_("cannot be opened: {problem}"),
    N_("cannot be written: {problem}"),
    N_("is not a file; remove it"),
    N_("is not a file"),
    N_("can be read by others"),
    N_("holds something other than tokens"),
    N_("belongs to others, or can be read by them; remove it"),
    N_("is in use: another export writes the same file; wait for its end"),
    N_("make room"),
    N_("name a file"),
    N_("name another file"),
    N_("take it from them: chmod 600 {file}"),
)

_OF_BACKUPS: Final = (
    N_("the file has no trailer"),
    N_("the stream ended before its trailer"),
    N_("a {kind} came out of turn"),
    N_("the header cannot be read: what it says of its level"),
    N_("the header cannot be read: what it says of its disk"),
    N_("the header cannot be read"),
    N_("the trailer cannot be read"),
    N_("{chunks} chunks with {keys} keys are there; {chunks_told} and {keys_told} were"),
    N_("the state does not match its digest"),
    N_("this is a backup of another format ({format}); this program reads format 1"),
    N_("this file is not a backup of Quitanda"),
    N_("the first record is not a header"),
    N_("record {number} is of the unknown kind {kind}"),
    N_("record {number} has an impossible length"),
    N_("record {number} does not match its checksum"),
    N_("the file ends before record {number}: the backup was cut short"),
    N_("the file ends inside record {number}: the backup was cut short"),
    N_("there are bytes behind the trailer"),
    N_("a chunk is malformed: {error}"),
    N_(
        "It comes from one disk alone and may lack what was acknowledged last: {problem}. This replica was still "
        "catching up, so it may lack much more."
    ),
    N_("It comes from one disk alone and may lack what was acknowledged last: {problem}."),
    N_(
        "entries that reached other disks alone, and the {behind} entries of its own log behind revision {revision} "
        "({known} known as committed)"
    ),
    N_("entries that reached other disks alone"),
)

_OF_THE_SYSTEM: Final = (
    N_("No such file or directory"),
    N_("Permission denied"),
    N_("Is a directory"),
    N_("Not a directory"),
    N_("File exists"),
    N_("File name too long"),
    N_("No space left on device"),
    N_("Read-only file system"),
    N_("Input/output error"),
    N_("Bad file descriptor"),
    N_("Broken pipe"),
    N_("Connection refused"),
    N_("Connection reset by peer"),
    N_("Too many open files"),
    N_("Too many levels of symbolic links"),
    N_("Operation not permitted"),
    N_("Disk quota exceeded"),
    N_("File too large"),
    N_("it is closed"),
)

PATTERNS: Final = TextPatterns(
    (
        *(*_OF_CALLS, *_OF_ADDRESSES, *_OF_IDENTITIES, *_OF_FILES, *_OF_BACKUPS, *_OF_THE_SYSTEM),
        N_("{server}: {cause}"),
    )
)
"""Longer templates stand before those that would fit their texts as well."""


def exception_text(error: object) -> str:
    """Write what an exception, or a part of its text, says in the language of the person."""
    return PATTERNS.said(str(error))
