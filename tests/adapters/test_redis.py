"""Does a Redis that does not answer say so in one sentence, soon and without the password?"""

import datetime
import ipaddress
import socket
import threading

import fakeredis
import pytest
from redis import exceptions as given

from tests.adapters.conftest import free_port
from vtrade.adapters.hot import HotState
from vtrade.adapters.hot_news import subscribe
from vtrade.adapters.redis import (
    RedisRefused,
    RedisUnavailable,
    connect_redis,
    embedded_redis,
    plainly,
    shown_client,
    shown_url,
)
from vtrade.errors import Unavailable, VTradeError
from vtrade.gamification.leaderboard import Leaderboard


@pytest.fixture
def port():
    """A port of the loopback on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def answering():
    """The address of something that speaks Redis."""
    server = fakeredis.TcpFakeServer(("127.0.0.1", 0), server_type="redis")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"redis://127.0.0.1:{server.server_address[1]}/0"
    server.shutdown()
    server.server_close()
    thread.join()


def test_each_embedded_redis_is_alone():
    one, two = embedded_redis(), embedded_redis()
    one.set("k", "1")
    assert one.get("k") == b"1"
    assert two.get("k") is None


def test_a_server_that_answers_gives_a_client_with_limits_on_every_wait(answering):
    client = connect_redis(answering)
    client.set("k", "1")
    assert client.get("k") == b"1"
    options = client.connection_pool.connection_kwargs
    assert options["socket_timeout"] == options["socket_connect_timeout"] == 2.0
    client.close()


def test_nobody_there(port):
    says = rf"no Redis answers at redis://localhost:{port}/0 within 0\.5 s"
    with pytest.raises(RedisUnavailable, match=says) as refused:
        connect_redis(f"redis://ana:secret@localhost:{port}/0", timeout_s=0.5)
    assert isinstance(refused.value, VTradeError)
    assert "secret" not in str(refused.value)
    assert "`vtrade stack up --local`, or name another one in VTRADE_REDIS, or work embedded" in str(refused.value)


def test_somebody_who_never_answers():
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(RedisUnavailable, match=r"no Redis answers at .* within 0\.2 s"),
    ):
        connect_redis(f"redis://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.2)


@pytest.mark.parametrize(
    "url", ["localhost:6379", "http://localhost", "redis://host:port", "redis://[bad", "redis://", "redis://:pw@/0", ""]
)
def test_an_address_that_is_none(url):
    with pytest.raises(RedisRefused, match="give one such as redis://localhost:6379/0, for instance in VTRADE_REDIS"):
        connect_redis(url, wait_s=60)


def test_an_address_is_shown_without_the_password():
    assert shown_url("rediss://:secret@example.org:6380/1?password=secret") == "rediss://example.org:6380/1"
    assert shown_url("ana:secret@localhost:6379") == "localhost:6379"
    assert shown_url("unix:///run/redis.sock") == "unix:///run/redis.sock"


def test_a_leaderboard_on_the_embedded_redis():
    board = Leaderboard(embedded_redis())
    board.update("ana", 1)
    assert board.rank("ana") == 1


# --- waiting -----------------------------------------------------------------------------------------------------


class FastClock:
    """Nobody sleeps in it."""

    def __init__(self):
        self.ns = 0

    def monotonic_ns(self):
        return self.ns

    def wall_ns(self):
        return self.ns

    def sleep(self, seconds):
        self.ns += round(seconds * 1e9)


def test_waiting_has_an_end_and_longer_and_longer_pauses(port):
    told = []
    with pytest.raises(RedisUnavailable, match=r"no Redis answers at .* \(waited 10 s\)") as refused:
        connect_redis(
            f"redis://:secret@localhost:{port}/0", timeout_s=0.5, wait_s=10, clock=FastClock(),
            on_wait=lambda why, pause_s: told.append((why, pause_s)),
        )  # fmt: skip
    assert isinstance(refused.value, Unavailable)
    assert [pause_s for _, pause_s in told] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0, 0.9])
    assert all("no Redis answers" in why and "secret" not in why for why, _ in told)


@pytest.mark.needs("redis")
def test_a_server_that_starts_late_is_waited_for(own_redis):
    own_redis.kill()
    told = []

    def start(why, pause_s):
        if not told:
            own_redis.start()
        told.append(why)

    client = connect_redis(own_redis.url, wait_s=30, on_wait=start)
    assert told
    assert client.ping()
    client.close()


# --- what a server says ------------------------------------------------------------------------------------------


@pytest.mark.needs("redis")
def test_a_real_server_is_new_enough_and_keeps_its_client_over_a_restart(own_redis):
    client = own_redis.client()
    client.set("k", "1")
    own_redis.kill()
    with (
        pytest.raises(RedisUnavailable, match=r"no Redis answers at 127\.0\.0\.1:\d+/0: counting failed"),
        plainly(client, "counting"),
    ):
        client.incr("k")
    own_redis.start()
    assert client.incr("k") == 1
    client.close()


@pytest.mark.parametrize("found", ["6.2.14", "5.0.7", "2.8"])
def test_a_server_that_is_too_old_is_named_with_what_is_wanted(answering, monkeypatch, found):
    monkeypatch.setattr("redis.Redis.info", lambda *_: {"redis_version": found})
    says = rf"is version {found}, VTrade needs 7\.0 or newer; start one with `vtrade stack up --local`"
    with pytest.raises(RedisRefused, match=says):
        connect_redis(answering, wait_s=60)


@pytest.mark.parametrize("found", ["7.0.15", "7.2.4", "8.0-rc1", "10.1", "255.255.255", "unheard of", ""])
def test_a_server_that_is_new_enough_or_does_not_say(answering, monkeypatch, found):
    monkeypatch.setattr("redis.Redis.info", lambda *_: {"redis_version": found})
    connect_redis(answering).close()


@pytest.mark.needs("redis")
def test_who_gets_in(start_redis):
    server = start_redis("--requirepass", "open sesame/?#")
    for secrets in ({}, {"password": "wrong"}, {"username": "ana", "password": "open sesame/?#"}):
        with pytest.raises(RedisRefused, match="does not let us in") as refused:
            connect_redis(server.url, wait_s=60, **secrets)
        assert "sesame" not in str(refused.value)
    client = connect_redis(server.url, password="open sesame/?#")
    client.execute_command("ACL", "SETUSER", "ben", "on", ">pw", "~*", "&*", "+@all", "-info")
    connect_redis(server.url, username="ben", password="pw").close()
    connect_redis(server.url.replace("//", "//:open%20sesame%2F%3F%23@")).close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Files of a certificate for 127.0.0.1 that vouches for itself, and of its key."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


def make_certificate(folder):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2020, 1, 1))
        .not_valid_after(datetime.datetime(2100, 1, 1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_file, key_file


@pytest.mark.needs("redis")
def test_tls(start_redis, certificate, tmp_path):
    cert_file, key_file = certificate
    tls_port = free_port()
    start_redis(
        "--tls-port", str(tls_port), "--tls-cert-file", str(cert_file), "--tls-key-file", str(key_file),
        "--tls-ca-cert-file", str(cert_file), "--tls-auth-clients", "no",
    )  # fmt: skip
    url = f"rediss://127.0.0.1:{tls_port}/0"
    client = connect_redis(url, ca_path=cert_file)
    hot = HotState(client, "room", "portfolio")
    assert hot.replace_all(1, [("ana", b"x", {"nav": 1})], epoch=1).outcome == "written"
    with subscribe(client, "room", "ana") as notices:
        hot.publish(2, epoch=1, views={"ana": b"y"})
        assert notices.get(20).seq == 2
    connect_redis(f"{url}?ssl_ca_certs={cert_file}").close()
    other, _ = make_certificate(tmp_path)
    for options in ({}, {"ca_path": other}):
        with pytest.raises(RedisRefused, match=r"shows a certificate that we do not trust.*ssl_ca_certs=FILE"):
            connect_redis(url, wait_s=60, **options)
    with pytest.raises(RedisRefused, match="there is no certificate nowhere; give the file"):
        connect_redis(url, ca_path="nowhere")
    with pytest.raises(RedisRefused, match="is without TLS, so no certificate is checked; give rediss"):
        connect_redis("redis://localhost", ca_path=cert_file)
    with pytest.raises(RedisUnavailable, match="no Redis answers"):
        connect_redis(f"redis://127.0.0.1:{tls_port}/0", timeout_s=0.5)


@pytest.mark.parametrize(
    "error, kind, says",
    [
        (given.ConnectionError("refused"), RedisUnavailable, "no Redis answers at the embedded one: x failed"),
        (given.TimeoutError("late"), RedisUnavailable, "no Redis answers"),
        (ConnectionResetError("reset"), RedisUnavailable, "no Redis answers"),
        (given.MaxConnectionsError("Too many"), RedisUnavailable, "all 256 connections"),
        (given.BusyLoadingError("LOADING it"), RedisUnavailable, "is busy: x failed"),
        (given.ResponseError("BUSY a script"), RedisUnavailable, "is busy: x failed"),
        (given.MasterDownError("MASTERDOWN"), RedisUnavailable, "is busy: x failed"),
        (given.ClusterDownError("CLUSTERDOWN down"), RedisUnavailable, "is busy: x failed"),
        (given.TryAgainError("TRYAGAIN"), RedisUnavailable, "is busy: x failed"),
        (given.AuthenticationError("no"), RedisRefused, "does not let us in"),
        (given.ResponseError("NOAUTH first"), RedisRefused, "does not let us in"),
        (given.NoPermissionError("no"), RedisRefused, "does not allow x"),
        (given.ReadOnlyError("READONLY"), RedisRefused, "read-only replica: x failed"),
        (given.OutOfMemoryError("OOM"), RedisRefused, "is full: x failed"),
        (given.ResponseError("MISCONF disk"), RedisRefused, "cannot save its data"),
        (given.ResponseError("WRONGTYPE"), RedisRefused, r"somebody put something else .* \(a key\)"),
        (given.ResponseError("ERR odd"), RedisRefused, "refused x: ERR odd"),
    ],
)
def test_every_answer_has_one_plain_error(error, kind, says):
    with pytest.raises(kind, match=says) as told, plainly(embedded_redis(), "x"):
        raise error
    assert told.value.__cause__ is error


def test_other_errors_pass():
    with pytest.raises(KeyError), plainly(embedded_redis(), "x"):
        raise KeyError("mine")


def test_where_a_client_is_leads_without_the_password():
    from redis import Redis

    assert shown_client(Redis.from_url("redis://ana:secret@somewhere:7000/3")) == "somewhere:7000/3"
    assert shown_client(Redis.from_url("unix:///run/r.sock")) == "unix:///run/r.sock"
