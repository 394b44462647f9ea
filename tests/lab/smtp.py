"""An SMTP server for tests: STARTTLS and AUTH are required, each accepted mail becomes a file.
Prints its port when it is ready."""

import argparse
import asyncio
import base64
import hmac
import itertools
import os
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", required=True, type=pathlib.Path, help="where mails are written")
    parser.add_argument("--cert", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--password-file", required=True, type=pathlib.Path)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--down-file", type=pathlib.Path, help="answer 421 while this file exists")
    parser.add_argument("--only-auth", help="PLAIN, LOGIN or XOAUTH2: offer no other mechanism")
    parser.add_argument("--sessions-file", type=pathlib.Path, help="one line a mail: its connection")
    parser.add_argument("--until-eof", action="store_true", help="end with standard input")
    return parser.parse_args()


class Keep:
    """Writes NNNN.eml; refuses recipients named `refused…` for good and `busy…` for now."""

    def __init__(self, options):
        self.options = options
        self.numbers = itertools.count(1)

    async def handle_MAIL(self, server, session, envelope, address, mail_options):
        if self.options.down_file and self.options.down_file.exists():
            return "421 4.3.2 down for a test"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if address.startswith("refused"):
            return "550 5.1.1 no such user"
        if address.startswith("busy"):
            return "450 4.2.1 mailbox busy"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        name = self.options.dir / f"{next(self.numbers):04}.eml"
        rcpt = "".join(f"X-Rcpt: {to}\r\n" for to in envelope.rcpt_tos).encode()
        name.with_suffix(".tmp").write_bytes(rcpt + envelope.original_content)
        os.replace(name.with_suffix(".tmp"), name)
        if self.options.sessions_file:
            with self.options.sessions_file.open("a") as sessions:
                print(session.peer[1], file=sessions)
        return "250 OK"

    # https://developers.google.com/workspace/gmail/imap/xoauth2-protocol#the_sasl_xoauth2_mechanism
    async def auth_XOAUTH2(self, server, args):
        wanted = self.options.password_file.read_bytes().rstrip(b"\r\n")
        good = b"user=%s\x01auth=Bearer %s\x01\x01" % (self.options.user.encode(), wanted)
        if hmac.compare_digest(base64.b64decode(args[1]), good):
            return AuthResult(success=True, handled=False)
        # A server explains itself first, and refuses after an empty answer.
        await server.challenge_auth('{"status":"401","schemes":"bearer"}')
        return AuthResult(success=False, handled=False)

    def authenticate(self, server, session, envelope, mechanism, login):
        wanted = self.options.password_file.read_bytes().rstrip(b"\r\n")
        good = hmac.compare_digest(login.password, wanted)
        return AuthResult(success=good and login.login == self.options.user.encode(), handled=False)


async def main():
    options = arguments()
    options.dir.mkdir(parents=True, exist_ok=True)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(options.cert, options.key)
    keep = Keep(options)
    mechanisms = {"PLAIN", "LOGIN", "XOAUTH2"}
    excluded = mechanisms - {options.only_auth} if options.only_auth else {"XOAUTH2"}
    rules = {"require_starttls": True, "auth_required": True, "auth_require_tls": True,
             "auth_exclude_mechanism": excluded}
    listener = await asyncio.get_running_loop().create_server(
        lambda: SMTP(keep, hostname="localhost", tls_context=tls,
                     authenticator=keep.authenticate, **rules),
        "127.0.0.1", options.port)
    print(listener.sockets[0].getsockname()[1], flush=True)
    if options.until_eof:
        await asyncio.to_thread(sys.stdin.buffer.read)
    else:
        await listener.serve_forever()


asyncio.run(main())
