// deno-lint-ignore-file no-console -- a program that says how it went
// A client for Node: connects as the plan says, keeps its session in a file, and tells what it heard.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import tls from "node:tls";

const { port, servername, starttls, version, directory, certificate } = JSON.parse(process.argv[2]);
const file = (name) => `${directory}/${name}`;
const read = (name) => readFileSync(file(name));

/** Says of STARTTLS what SMTP does, and gives the socket back once the server is ready for TLS. */
function startTls() {
  const answers = ["EHLO localhost\r\n", "STARTTLS\r\n"];
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.on("error", reject);
    socket.on("data", function hear() {
      const answer = answers.shift();
      if (answer !== undefined) return socket.write(answer);
      socket.off("data", hear);
      resolve(socket);
    });
  });
}

const socket = tls.connect({
  ...(starttls ? { socket: await startTls() } : { port, host: "127.0.0.1" }),
  servername,
  rejectUnauthorized: false,
  minVersion: version,
  maxVersion: version,
  ...(certificate ? { cert: read("cert.pem"), key: read("key.pem") } : {}),
  ...(existsSync(file("session")) ? { session: read("session") } : {}),
});
socket.on("session", (session) => writeFileSync(file("session"), session));
socket.on("secureConnect", () => console.log(socket.isSessionReused() ? "reused" : "full"));
socket.on("data", (data) => {
  console.log(String(data));
  socket.end();
});
socket.on("end", () => socket.end());
socket.on("error", (error) => console.log(error.code));
process.stdin.resume().on("end", () => process.stdin.pause());
socket.on("close", () => process.stdin.destroy());
