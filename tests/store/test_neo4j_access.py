"""Who logs in to Neo4j and over what: users for reading and writing, TLS, passwords that stay secret."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from neo4j import READ_ACCESS, WRITE_ACCESS, GraphDatabase

from graphml.errors import (
    GraphmlError,
    StoreConnectionError,
    StorePermissionError,
    UsageError,
)
from graphml.store.connect import connect
from graphml.store.neo4j import Neo4jStore
from graphml.store.neo4j_access import Login, login, target
from graphml.store.neo4j_session import Connection
from tests.neo4j_fixtures import absent, group
from tests.neo4j_jars import FIRST, ServerMissing
from tests.neo4j_server import Server, serve

SECRET = "s3cr3t-\N{SNOWMAN}"


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that says nothing of Neo4j."""
    for prefix in ("NEO4J_", "NEO4J_READ_"):
        for name in ("USERNAME", "PASSWORD", "PASSWORD_FILE"):
            monkeypatch.delenv(prefix + name, raising=False)
    monkeypatch.delenv("NEO4J_CA_FILE", raising=False)
    monkeypatch.delenv("GRAPHML_ALLOW_PLAINTEXT", raising=False)
    return monkeypatch


LOCAL = (
    *("bolt://localhost", "neo4j://LOCALHOST:7687", "bolt://db.localhost:1", "bolt://localhost."),
    *("bolt://127.0.0.1:7687", "bolt://127.8.9.10", "bolt://[::1]:7687", "bolt://", "bolt://:7687"),
)
REMOTE = (
    *("bolt://graph.example.com", "neo4j://graph.example.com:7687", "bolt://10.0.0.1"),
    *("bolt://localhost.example.com", "bolt://notlocalhost", "bolt://localhost@", "bolt://[::2]:7687"),
    *("bolt://127.0.0.1.example.com", "bolt://1270.0.0.1", "bolt://127.1", "bolt://0.0.0.0"),
    *("neo4j://localhost graph.example.com", "bolt://[::1].example.com", "bolt://[::ffff:10.0.0.1]"),
    *("BOLT://graph.example.com", "bolt://graph.example.com?x=localhost", "bolt://a/localhost"),
)  # fmt: skip


@pytest.mark.parametrize("url", LOCAL)
def test_the_local_host_may_be_reached_in_plain_text(url: str, bare: pytest.MonkeyPatch) -> None:
    assert target(url).encryption == "off"


@pytest.mark.parametrize("url", REMOTE)
def test_no_other_host_is_sent_a_password_in_plain_text(
    url: str, bare: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A password that cannot be read: were it looked at first, another line would come.
    bare.setenv("NEO4J_PASSWORD_FILE", "/no/such/file")

    def connected(*_: object, **__: object) -> None:
        raise AssertionError("the driver was asked")

    monkeypatch.setattr(GraphDatabase, "driver", connected)
    with pytest.raises(UsageError) as refused:
        Neo4jStore(url)
    assert "\n" not in refused.value.message
    if "@" not in url and "]." not in url:
        assert "plain text" in refused.value.message
        assert "+s://" in refused.value.hint
        assert "GRAPHML_ALLOW_PLAINTEXT=1" in refused.value.hint


def test_plain_text_is_allowed_by_one_setting_alone(bare: pytest.MonkeyPatch) -> None:
    for text in ("0", "", "true", "no"):
        bare.setenv("GRAPHML_ALLOW_PLAINTEXT", text)
        with pytest.raises(UsageError, match="plain text"):
            target("bolt://graph.example.com")
    bare.setenv("GRAPHML_ALLOW_PLAINTEXT", "1")
    assert target("bolt://graph.example.com").encryption == "off"


def test_what_encrypts_without_verifying_is_warned_of_once(
    bare: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        assert target("neo4j+ssc://warned.example.com").encryption == "not verified"
    assert target("neo4j+s://graph.example.com").encryption == "verified"
    (line,) = caplog.messages
    assert line.startswith("neo4j+ssc://warned.example.com is encrypted, but anybody may answer")


@pytest.mark.parametrize(
    "url", ["bolt://[::1", "bolt://[x]:1]", f"bolt://neo4j:{SECRET}@localhost"]
)
def test_a_url_that_cannot_be_used_is_one_line(url: str, bare: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError) as refused:
        target(url)
    assert SECRET not in f"{refused.value} {refused.value.hint}"
    assert "\n" not in refused.value.message


@pytest.mark.parametrize(
    ("set_", "read_only", "user"),
    [
        ({}, True, None),
        ({}, False, None),
        ({"PASSWORD": "w"}, False, "neo4j"),
        ({"PASSWORD": "w"}, True, "neo4j"),
        ({"USERNAME": "writer", "PASSWORD": "w"}, True, "writer"),
        ({"USERNAME": "", "PASSWORD": ""}, False, None),
        ({"READ_USERNAME": "reader", "READ_PASSWORD": "r"}, True, "reader"),
        (
            {"USERNAME": "w", "PASSWORD": "w", "READ_USERNAME": "r", "READ_PASSWORD": "r"},
            True,
            "r",
        ),
        (
            {"USERNAME": "w", "PASSWORD": "w", "READ_USERNAME": "r", "READ_PASSWORD": "r"},
            False,
            "w",
        ),
    ],
)
def test_who_logs_in(
    set_: dict[str, str], read_only: bool, user: str | None, bare: pytest.MonkeyPatch
) -> None:
    for name, value in set_.items():
        bare.setenv(f"NEO4J_{name}", value)
    who = login(read_only=read_only)
    assert (who.user if who else None) == user
    if who and len(set_) == 4:
        assert who.password == user


@pytest.mark.parametrize(
    ("set_", "read_only", "words"),
    [
        ({"USERNAME": "neo4j"}, False, "NEO4J_USERNAME is set, its password is not"),
        ({"READ_USERNAME": "r", "PASSWORD": SECRET}, True, "NEO4J_READ_USERNAME is set"),
        ({"READ_PASSWORD": SECRET}, True, "NEO4J_READ_USERNAME is not"),
        ({"PASSWORD": SECRET, "PASSWORD_FILE": "x"}, False, "PASSWORD_FILE are both set"),
        ({"READ_USERNAME": "r", "READ_PASSWORD": SECRET}, False, "nobody is named who writes"),
        ({"PASSWORD_FILE": "/no/such"}, False, "/no/such cannot be read: No such file"),
        ({"READ_USERNAME": "r", "READ_PASSWORD_FILE": "/"}, True, "cannot be read: Is a dir"),
    ],
)
def test_half_a_login_is_one_line_that_tells_no_secret(
    set_: dict[str, str], read_only: bool, words: str, bare: pytest.MonkeyPatch
) -> None:
    for name, value in set_.items():
        bare.setenv(f"NEO4J_{name}", value)
    with pytest.raises(UsageError, match=re.escape(words)) as refused:
        connect("bolt://127.0.0.1:9", read_only=read_only)
    assert SECRET not in f"{refused.value} {refused.value.hint}"
    assert refused.value.hint


def test_no_repr_shows_a_password(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("NEO4J_PASSWORD", SECRET)
    assert login(read_only=False) == Login(user="neo4j", password=SECRET)
    assert SECRET not in repr(login(read_only=False))


def test_a_password_file_may_hold_what_is_no_text(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "password"
    bare.setenv("NEO4J_PASSWORD_FILE", str(file))
    for content, words in ((b"hunter2\xff", "no UTF-8 text"), (b"\n", "is empty")):
        file.write_bytes(content)
        with pytest.raises(UsageError, match=words) as refused:
            login(read_only=False)
        assert "hunter2" not in repr((refused.value, refused.value.__cause__))
        assert refused.value.__suppress_context__ or refused.value.__context__ is None


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o604, 0o644, 0o660, 0o602])
def test_a_password_file_that_others_can_read_is_warned_of(
    mode: int, bare: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n", encoding="utf-8")
    file.chmod(mode)
    bare.setenv("NEO4J_READ_USERNAME", "reader")
    bare.setenv("NEO4J_READ_PASSWORD_FILE", str(file))
    with caplog.at_level(logging.INFO):
        assert login(read_only=True) == Login(user="reader", password=SECRET)
        login(read_only=True)
    assert len(caplog.messages) == (0 if mode in (0o600, 0o400) else 1)
    assert all("chmod 600" in line and SECRET not in line for line in caplog.messages)


def test_an_authority_that_cannot_be_used_is_one_line(
    bare: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate")
    for file, words in ((empty, "no certificate in it"), (tmp_path / "none", "No such file")):
        bare.setenv("NEO4J_CA_FILE", str(file))
        with pytest.raises(UsageError, match=words):
            target("bolt+s://graph.example.com")
    with pytest.raises(UsageError, match="verifies no certificate"):
        target("bolt+ssc://graph.example.com")
    assert target("bolt://localhost").encryption == "off"


@pytest.mark.neo4j
def test_a_store_that_is_only_read_logs_in_as_the_reader(
    neo4j_url: str, neo4j_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    administrator = (neo4j_server.username, neo4j_server.password)
    with GraphDatabase.driver(neo4j_url, auth=administrator) as driver:
        driver.execute_query("DROP USER graphml_reader IF EXISTS", database_="system")
        driver.execute_query(
            "CREATE USER graphml_reader SET PASSWORD $password CHANGE NOT REQUIRED",
            password=SECRET,
            database_="system",
        )
        try:
            monkeypatch.setenv("NEO4J_READ_USERNAME", "graphml_reader")
            monkeypatch.setenv("NEO4J_READ_PASSWORD", SECRET)
            assert _users(neo4j_url) == {True: "graphml_reader", False: neo4j_server.username}
            monkeypatch.setenv("NEO4J_READ_PASSWORD", "wrong-password")
            connect(neo4j_url).close()
            with pytest.raises(StorePermissionError) as refused:
                connect(neo4j_url, read_only=True)
            assert "wrong-password" not in f"{refused.value} {refused.value.hint}"
            assert "NEO4J_READ_" in refused.value.hint
        finally:
            driver.execute_query("DROP USER graphml_reader", database_="system")


def _users(url: str) -> dict[bool, str]:
    found = {}
    for read_only in (True, False):
        with Neo4jStore(url, read_only=read_only) as store:
            rows = store._connection.read("SHOW CURRENT USER YIELD user RETURN user")
            assert store._connection.user == rows[0]["user"]
            found[read_only] = rows[0]["user"]
    return found


@pytest.mark.neo4j
def test_a_store_that_is_only_read_cannot_open_a_writing_session(neo4j_url: str) -> None:
    with Neo4jStore(neo4j_url, read_only=True) as store:
        connection = store._connection
        refused = (
            lambda: connection.session(WRITE_ACCESS),
            lambda: connection.session("anything"),
            lambda: connection.write(("CREATE (:Planted)", {})),
            lambda: connection.run("CREATE (:Planted)"),
            lambda: connection.once(lambda t: t.run("CREATE (:Planted)").consume()),
            lambda: connection.write_side_by_side([[("CREATE (:Planted)", {})]]),
            lambda: connection.transaction({}, None).__enter__(),
        )
        for attempt in refused:
            with pytest.raises(StorePermissionError, match="opened to be read only"):
                attempt()
        # And the server refuses in a session that only reads.
        with pytest.raises(StorePermissionError, match="refuses this user"):
            connection.read("CREATE (:Planted)")
        connection.session(READ_ACCESS).close()
        assert connection.read("MATCH (n:Planted) RETURN count(n) AS n") == [{"n": 0}]


def _openssl(folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        ["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two authorities and a certificate for localhost that the first one signed."""
    folder = tmp_path_factory.mktemp("certificates")
    new = ("-newkey", "rsa:2048", "-nodes")
    for name in ("right", "wrong"):
        own = ("-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name} authority")
        _openssl(folder, "req", "-x509", *new, *own, "-days", "2")
    own = ("-keyout", "private.key", "-out", "public.csr", "-subj", "/CN=a server")
    _openssl(folder, "req", *new, *own)
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    by = ("-CA", "right.pem", "-CAkey", "right.key", "-CAcreateserial", "-extfile", "names")
    _openssl(folder, "x509", "-req", "-in", "public.csr", "-out", "public.crt", "-days", "2", *by)
    return folder


@pytest.fixture(scope="module")
def encrypted(certificates: Path) -> Iterator[Server]:
    """A server that takes nothing but TLS."""
    policy = {
        "enabled": "true",
        "base_directory": str(certificates),
        "private_key": "private.key",
        "public_certificate": "public.crt",
        "client_auth": "NONE",
    }
    settings = {f"dbms.ssl.policy.bolt.{name}": value for name, value in policy.items()}
    try:
        with serve(
            heap="512m",
            page_cache="64m",
            options=("-XX:TieredStopAtLevel=1",),
            settings={**settings, "server.bolt.tls_level": "REQUIRED"},
        ) as server:
            yield server
    except ServerMissing as missing:
        absent(missing, FIRST)


@pytest.fixture
def port(encrypted: Server, bare: pytest.MonkeyPatch) -> str:
    """The encrypted server's port; its credentials are in the environment."""
    bare.setenv("NEO4J_USERNAME", encrypted.username)
    bare.setenv("NEO4J_PASSWORD", encrypted.password)
    return encrypted.url.rpartition(":")[2]


needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")


@needs_openssl
@pytest.mark.neo4j
@group(FIRST)
class TestEncryption:
    @pytest.mark.parametrize("scheme", ["bolt+s", "neo4j+s"])
    def test_the_authority_that_signed_it_is_trusted(
        self, scheme: str, port: str, certificates: Path, bare: pytest.MonkeyPatch
    ) -> None:
        bare.setenv("NEO4J_CA_FILE", str(certificates / "right.pem"))
        url = f"{scheme}://localhost:{port}"
        with Neo4jStore(url) as store:
            assert store.summary().sequence == 0
            assert store.url == url
            assert store.about().encryption == "verified"

    @pytest.mark.parametrize(
        ("authority", "host", "words"),
        [
            ("wrong.pem", "localhost", "unable to get local issuer certificate"),
            (None, "localhost", "unable to get local issuer certificate"),
            ("right.pem", "127.0.0.1", "not valid for '127.0.0.1'"),
        ],
    )
    def test_nobody_else_is(
        self,
        authority: str | None,
        host: str,
        words: str,
        port: str,
        certificates: Path,
        bare: pytest.MonkeyPatch,
    ) -> None:
        if authority:
            bare.setenv("NEO4J_CA_FILE", str(certificates / authority))
        for scheme in ("bolt+s", "neo4j+s"):
            with pytest.raises(
                StoreConnectionError, match="its certificate is not trusted"
            ) as told:
                connect(f"{scheme}://{host}:{port}")
            assert words in told.value.message
            assert "\n" not in told.value.message
            assert "NEO4J_CA_FILE" in told.value.hint

    def test_encryption_alone_asks_for_no_authority(self, port: str) -> None:
        with Neo4jStore(f"bolt+ssc://localhost:{port}") as store:
            assert store.about().encryption == "not verified"

    def test_a_server_that_requires_it_tells_plain_text_so(self, port: str) -> None:
        for scheme in ("bolt", "neo4j"):
            with pytest.raises(StoreConnectionError) as told:
                connect(f"{scheme}://localhost:{port}")
            assert "\n" not in told.value.message
            assert "does it require TLS?" in told.value.hint


@pytest.mark.neo4j
def test_a_server_without_it_is_one_line(neo4j_url: str, bare: pytest.MonkeyPatch) -> None:
    for scheme in ("bolt+s", "bolt+ssc", "neo4j+s"):
        with pytest.raises(GraphmlError) as told:
            connect(neo4j_url.replace("bolt", scheme, 1))
        assert isinstance(told.value, StoreConnectionError)
        assert "TLS failed" in told.value.message
        assert "\n" not in told.value.message


@pytest.mark.neo4j
def test_what_is_said_of_a_server_names_users_and_no_secrets(
    neo4j_url: str, neo4j_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEO4J_READ_USERNAME", neo4j_server.username)
    monkeypatch.setenv("NEO4J_READ_PASSWORD", neo4j_server.password)
    with Neo4jStore(neo4j_url, read_only=True) as store:
        before = Connection.read(store._connection, "MATCH (n) RETURN count(n) AS n")
        about = store.about()
        assert Connection.read(store._connection, "MATCH (n) RETURN count(n) AS n") == before
    assert (about.reader, about.writer) == (neo4j_server.username,) * 2
    assert (about.writable, about.access, about.encryption) == (True, "read-write", "off")
    assert re.fullmatch(r"\d+\.\d+\.\d+", about.version)
    assert neo4j_server.password not in repr(about)
