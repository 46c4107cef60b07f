"""nginx with the lines of docs/proxy.md, a certificate, and a server behind it.

    proxy = TlsProxy(folder, new_server, settings)
    proxy.server                       the server itself
    proxy.front                        the same as clients see it, at https
    proxy.let_trust(npm, pip)          has clients know the authority, made for this test
    proxy.stop()"""

import copy
import os
import pathlib
import re
import shutil
import socket
import subprocess
import urllib.parse

from packhouse_server import ROOT
from patience import PATIENCE, until

PAGE = ROOT / "docs" / "proxy.md"
BACKEND = "127.0.0.1:8080"  # as the page has it
REQUESTS = """
[req]
prompt = no
distinguished_name = name
[name]
CN = made for a test
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


class TlsProxy:
    def __init__(self, folder, new_server, settings=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        # The port stays ours until nginx listens: a socket beside its own, that never does.
        self.placeholder = socket.socket()
        self.placeholder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.placeholder.bind(("127.0.0.1", 0))
        self.port = self.placeholder.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self.server = new_server(settings={"PACKHOUSE_PUBLIC_URL": self.url, **(settings or {})})
        self.front = copy.copy(self.server)
        self.front.url, self.front.port = self.url, self.port
        self.ca = self.folder / "ca.pem"
        self.make_certificates()
        self.start()

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True, timeout=PATIENCE)

    def make_certificates(self):
        (self.folder / "requests.conf").write_text(REQUESTS)
        new = ("req", "-config", "requests.conf", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        self.openssl(*new, "-x509", "-days", "2", "-subj", "/CN=authority", "-extensions", "authority",
                     "-keyout", "ca.key", "-out", "ca.pem")
        self.openssl(*new, "-keyout", "server.key", "-out", "server.csr")
        self.openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                     "-days", "2", "-extfile", "requests.conf", "-extensions", "server", "-out", "server.pem")

    def lines(self):
        """The page's, with this test's port and certificate."""
        lines, = re.findall(r"^```nginx\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
        for pattern, ours in ((r"listen 443 ssl;", f"listen 127.0.0.1:{self.port} ssl reuseport;"),
                              (r"(ssl_certificate +)\S+;", rf"\1{self.folder}/server.pem;"),
                              (r"(ssl_certificate_key +)\S+;", rf"\1{self.folder}/server.key;"),
                              (re.escape(BACKEND), urllib.parse.urlsplit(self.server.url).netloc)):
            lines, count = re.subn(pattern, ours, lines)
            assert count == 1, pattern
        return lines

    def start(self):
        here = self.folder
        (here / "nginx.conf").write_text(
            f"daemon off; pid {here}/pid; error_log stderr; events {{}}\n"
            f"http {{ access_log off; client_body_temp_path {here}/b; proxy_temp_path {here}/p;\n"
            f"fastcgi_temp_path {here}/f; uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;\n{self.lines()} }}")
        nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        assert nginx, "nginx is not installed"
        with open(here / "nginx.log", "wb") as log:
            self.process = subprocess.Popen([nginx, "-c", here / "nginx.conf", "-p", here], stderr=log)

        def listens():
            assert self.process.poll() is None, (here / "nginx.log").read_text()
            with socket.socket() as one:
                return one.connect_ex(("127.0.0.1", self.port)) == 0

        until(listens)

    def let_trust(self, *clients):
        """As docs/proxy.md says."""
        for client in clients:
            client.environment[client.authority] = str(self.ca)

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.placeholder.close()
