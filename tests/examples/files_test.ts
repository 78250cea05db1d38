/** The programs of examples/files, as people run them: the server and the client are processes. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { makeAuthority } from "../../examples/tls/certificates.ts";
import { patiently } from "./chat_hall.ts";
import { client, Folder, noise, serverOf } from "./files_peer.ts";
import { BreakingProxy } from "./files_proxy.ts";
import { Program } from "./program.ts";

Deno.test("files: files and folders go up, are listed, and come down again", async () => {
  await using here = new Folder();
  await using there = new Folder();
  await using back = new Folder();
  const large = await here.write("photos/large.bin", noise(1_500_000));
  const small = await here.write("photos/1970/Zoë 🦕.txt", "a dinosaur");
  await here.write("photos/empty", "");
  await here.write("photos/half.part", "not whole yet");
  await Deno.symlink("/etc", here.at("photos/link"));
  await here.write("alone.txt", "alone");
  await using server = serverOf(there);
  const port = await server.port();

  const up = await client(port, "upload", here.at("photos"), here.at("alone.txt"), "--to", "holidays");
  assertEquals(up.code, 0, up.stderr);
  assertEquals(up.stderr, "Left out: holidays/photos/link is neither a file nor a folder\n");
  assertEquals(up.rest.slice(0, -1).sort(), [
    "holidays/alone.txt (5 B)",
    "holidays/photos/1970/Zoë 🦕.txt (10 B)",
    "holidays/photos/empty (0 B)",
    "holidays/photos/large.bin (1.5 MB)",
  ]);
  assertMatch(up.rest.at(-1) ?? "", /^4 files, 1\.5 MB in \d+:\d\d, \d.*B\/s$/);
  assertEquals(await there.read("holidays/photos/large.bin"), large);
  assertEquals(await there.read("holidays/photos/empty"), new Uint8Array(0));
  assertEquals(await there.names(there.at("holidays/photos")), ["1970", "empty", "large.bin"]);

  const listed = await client(port, "list", "holidays/photos/");
  assertEquals(listed.rest, [
    "10\tholidays/photos/1970/Zoë 🦕.txt",
    "0\tholidays/photos/empty",
    "1500000\tholidays/photos/large.bin",
  ]);

  const down = await client(port, "download", "holidays/photos", "holidays/alone.txt", "--to", back.at("new folder"));
  assertEquals([down.code, down.stderr], [0, ""]);
  assertEquals(await back.read("new folder/photos/large.bin"), large);
  assertEquals(await back.read("new folder/photos/1970/Zoë 🦕.txt"), small);
  assertEquals(await back.read("new folder/alone.txt"), new TextEncoder().encode("alone"));
  assertEquals(await back.names(back.at("new folder/photos")), ["1970", "empty", "large.bin"]);

  const everything = await client(port, "download", ".", "--to", back.at("all"));
  assertEquals([everything.code, everything.rest.length], [0, 5]);
  server.interrupt();
  const { code, stderr } = await patiently(server.end());
  assertEquals([code, stderr], [0, ""]);
});

for (const [command, sender] of [["upload", "client"], ["download", "server"]] as const) {
  Deno.test(`files: ${command} goes on at the byte where the connection broke, again and again`, async () => {
    await using here = new Folder();
    await using there = new Folder();
    const [from, to] = command === "upload" ? [here, there] : [there, here];
    const content = await from.write("large.bin", noise(8_000_000));
    await using server = serverOf(there);
    await using proxy = new BreakingProxy(await server.port(), 3_000_001, 2_000_003);
    const what = command === "upload" ? [here.at("large.bin")] : ["large.bin", "--to", here.path];

    const { code, rest, stderr } = await client(proxy.port, command, ...what);
    assertEquals([code, stderr], [0, ""], rest.join("\n"));
    assertEquals(await to.read("large.bin"), content);
    assertEquals(await to.names(), ["large.bin"]);
    assertEquals(rest.filter((line) => line === "The connection is lost").length, 2);

    assertEquals(proxy.said.length, 3);
    let before = 0;
    for (const [i, said] of proxy.said.entries()) {
      const resume = said.find((message) => message.type === "resume");
      const start = said.find((message) => message.type === "start");
      assertEquals(resume?.type === "resume" && resume.offset, before, `${sender} on connection ${i}`);
      assertEquals(start?.type === "start" && start.offset, before);
      before += proxy.carried[i]!; // there is one for each
    }
    assertEquals(before, content.length, "no byte may travel twice");
  });
}

Deno.test("files: a part that another run has left is gone on with, if it is of the same file", async () => {
  await using here = new Folder();
  await using there = new Folder();
  const content = await here.write("a.bin", noise(600_000));
  await here.write("b.bin", content);
  await there.write("a.bin.part", content.subarray(0, 400_000));
  await there.write("b.bin.part", noise(500_000, 2));
  await using server = serverOf(there);
  await using proxy = new BreakingProxy(await server.port());

  const { code, stderr } = await client(proxy.port, "upload", here.at("a.bin"), here.at("b.bin"));
  assertEquals([code, stderr], [0, ""]);
  assertEquals(await there.read("a.bin"), content);
  assertEquals(await there.read("b.bin"), content);
  assertEquals(await there.names(), ["a.bin", "b.bin"]);
  assertEquals(proxy.carried, [200_000 + 600_000]);
});

Deno.test("files: with --cert and --ca everything goes over TLS", async () => {
  await using here = new Folder();
  await using there = new Folder();
  const authority = await makeAuthority("Our authority");
  const { cert, key } = await authority.issueServer("files", ["127.0.0.1"]);
  for (const [name, pem] of Object.entries({ cert, key, ca: authority.cert })) await here.write(name, pem);
  const content = await here.write("a.bin", noise(3_000_000));
  await using server = serverOf(there, "--cert", here.at("cert"), "--key", here.at("key"));
  const port = await server.port();

  const up = await client(port, "upload", here.at("a.bin"), "--ca", here.at("ca"));
  assertEquals([up.code, up.stderr], [0, ""]);
  assertEquals(await there.read("a.bin"), content);
  const down = await client(port, "download", "a.bin", "--to", here.at("back"), "--ca", here.at("ca"));
  assertEquals([down.code, down.stderr], [0, ""]);
  assertEquals(await here.read("back/a.bin"), content);

  const distrustful = await client(port, "list", "--tls");
  assertEquals([distrustful.code, distrustful.rest], [1, []]);
  assertMatch(distrustful.stderr, /^Cannot .*\(UNABLE_TO_VERIFY_LEAF_SIGNATURE\)\n$/);
});

Deno.test("files: what cannot be stored is told, and the others are stored", async () => {
  await using here = new Folder();
  await using there = new Folder();
  await using outside = new Folder();
  for (const name of ["folder/a.txt", "folder/b.txt", "folder/link/c.txt", "folder/x\\y"]) {
    await here.write(name, `I am ${name}`);
  }
  await Deno.mkdir(there.at("folder/a.txt"), { recursive: true });
  await Deno.symlink(outside.path, there.at("folder/link"));
  await using server = serverOf(there);

  const { code, rest } = await client(await server.port(), "upload", here.at("folder"));
  assertEquals(code, 1);
  assertEquals(rest.slice(0, -1).sort(), [
    "Failed: folder/a.txt: There is no file at that name (not_a_file)",
    'Failed: folder/link/c.txt: "folder/link/c.txt" leads over a symbolic link (symlink)',
    "Failed: folder/x\\y: The name is not allowed: it has a control character, a backslash or a colon (bad_name)",
    "folder/b.txt (17 B)",
  ]);
  assertEquals(await outside.names(), []);
  assertEquals(await there.names(there.at("folder")), ["a.txt", "b.txt", "link"]);
});

Deno.test("files: a server keeps its quota, transfers under way included", async () => {
  await using here = new Folder();
  await using there = new Folder();
  await here.write("a", noise(600_000));
  await here.write("b", noise(600_000, 2));
  await there.write("old", noise(100_000));
  await using server = serverOf(there, "--quota", "1000000");
  const port = await server.port();

  const both = await client(port, "upload", here.at("a"), here.at("b"));
  assertEquals(both.code, 1);
  const failed = both.rest.filter((line) => line.startsWith("Failed: "));
  assertEquals(failed.length, 1, both.rest.join("\n"));
  assertMatch(failed[0]!, /The file has 600000 bytes, and there is room for 300000 \(quota\)$/);
  assertEquals((await there.names()).length, 2);
  // What is replaced does not count twice, once it is replaced.
  assertEquals((await client(port, "upload", here.at("a"), "--to", "x")).code, 1);
  await here.write("old", noise(300_000));
  assertEquals((await client(port, "upload", here.at("old"))).code, 0);
  await here.write("more", noise(100_000));
  assertEquals((await client(port, "upload", here.at("more"))).code, 0);
  assertEquals((await client(port, "upload", here.at("more"), "--to", "x")).code, 1);
});

Deno.test("files: a file much larger than the memory of both ends goes through them", async () => {
  await using here = new Folder();
  await using there = new Folder();
  const bytes = 200 * 1_048_576;
  await Deno.writeFile(here.at("sparse"), new Uint8Array(0));
  await Deno.truncate(here.at("sparse"), bytes);
  await using server = serverOf(there);
  const port = await server.port();
  const { code, stderr } = await client(port, "upload", here.at("sparse"));
  assertEquals([code, stderr], [0, ""]);
  assertEquals((await Deno.stat(there.at("sparse"))).size, bytes);
});

Deno.test("files: the client gives up at once where there never was a server", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const { code, stderr } = await client(port, "list");
  assertEquals(code, 1);
  assertMatch(stderr, /^Cannot connect .*ECONNREFUSED.*\n$/);
});

Deno.test("files: what does not exist is told, on either end", async () => {
  await using here = new Folder();
  await using server = serverOf(here);
  const port = await server.port();
  const down = await client(port, "download", "nothing", "--to", here.path);
  assertEquals([down.code, down.stderr], [1, "There is no such file or folder\n"]);
  const up = await client(port, "upload", here.at("nothing"));
  assertEquals([up.code, up.stderr], [1, `There is no file or folder ${here.at("nothing")}\n`]);
});

for (const name of ["server", "client"]) {
  const file = `examples/files/${name}.ts`;

  Deno.test(`files: ${name}.ts --help says how to use it`, async () => {
    await using program = new Program(file, ["--help"], []);
    const { code, rest, stderr } = await patiently(program.end());
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(rest.join("\n"), `Usage: deno run --allow-net --allow-read --allow-write ${file} `);
  });

  Deno.test(`files: ${name}.ts refuses what it does not know with exit code 2`, async () => {
    await using program = new Program(file, ["--prot", "1"], []);
    const { code, rest, stderr } = await patiently(program.end());
    assertEquals([code, rest], [2, []]);
    assertStringIncludes(stderr, "Unknown argument --prot");
  });
}

Deno.test("files: client.ts refuses wrong commands with exit code 2", async () => {
  for (
    const [args, problem] of [
      [["fetch", "x"], "Unknown command fetch"],
      [["upload"], "There is nothing to do"],
      [["upload", "x", "--parallel", "17"], "--parallel takes a number from 1 to 16"],
    ] as const
  ) {
    await using program = new Program("examples/files/client.ts", args, []);
    const { code, stderr } = await patiently(program.end());
    assertEquals(code, 2);
    assert(stderr.startsWith(`${problem}\n`), stderr);
  }
});
