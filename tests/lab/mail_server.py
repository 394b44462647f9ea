"""An SMTP server that wants STARTTLS and a password, and keeps each mail as a file.

Faults: `smtp-down` answers 421 to everything, `smtp-hang` keeps a mail and holds the answer back.
"""

import asyncio
import hmac
import threading

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

DOWN = "421 4.3.2 Service not available"


class Down(asyncio.Protocol):
    """A connection that is told to go away."""

    def connection_made(self, transport):
        transport.write(f"{DOWN}\r\n".encode())
        transport.close()


class Keeper:
    """Keeps accepted mails."""

    def __init__(self, lab):
        self.lab = lab

    def refusal(self):
        return DOWN if self.lab.faults.on("smtp-down") else None

    async def handle_MAIL(self, server, session, envelope, address, options):
        if refusal := self.refusal():
            return refusal
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if refusal := self.refusal():
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if refusal := self.refusal():
            return refusal
        envelope_lines = f"X-MailFrom: {envelope.mail_from}\r\nX-RcptTo: {', '.join(envelope.rcpt_tos)}\r\n"
        self.lab.mails.keep(envelope_lines.encode() + envelope.original_content)
        while self.lab.faults.on("smtp-hang"):
            await asyncio.sleep(0.05)
        return "250 2.0.0 Kept"


def start(lab, tls):
    """Starts the server in a thread; returns its port."""

    def authenticate(server, session, envelope, mechanism, data):
        good = isinstance(data, LoginPassword) and all(
            hmac.compare_digest(given, wanted.encode())
            for given, wanted in (
                (data.login, lab.smtp_user),
                (data.password, lab.smtp_password),
            )
        )
        return AuthResult(success=good, handled=False)

    def session():
        if lab.faults.on("smtp-down"):
            return Down()
        return SMTP(
            Keeper(lab),
            hostname="localhost",
            require_starttls=True,
            tls_context=tls,
            auth_required=True,
            auth_require_tls=True,
            authenticator=authenticate,
            enable_SMTPUTF8=True,
            loop=loop,
        )

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(session, host="127.0.0.1", port=0))
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return server.sockets[0].getsockname()[1]
