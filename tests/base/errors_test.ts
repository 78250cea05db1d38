import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { asError, FrameError, MessageError, TcpError } from "../../src/base/errors.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

unit("TcpError carries code, syscall, address, port and cause", () => {
  const cause = new Error("below");
  const error = new TcpError("Cannot connect", {
    code: "ECONNREFUSED",
    syscall: "connect",
    address: "127.0.0.1",
    port: 9,
    cause,
  });
  const { message, code, syscall, address, port } = error;
  assertEquals({ message, code, syscall, address, port }, {
    message: "Cannot connect",
    code: "ECONNREFUSED",
    syscall: "connect",
    address: "127.0.0.1",
    port: 9,
  });
  assertStrictEquals(error.cause, cause);
});

unit("TcpError has no property for what it does not say", () => {
  const error = new TcpError("m", { code: "EOVERFLOW" });
  assertEquals(["syscall", "hostname", "address", "port", "cause"].filter((fact) => fact in error), []);
});

unit("TcpError has no cause of its own where none was given", () => {
  const error = new TcpError("Closed", { code: "ERR_STREAM_DESTROYED" });
  assertEquals("cause" in error, false);
  assertEquals([error.syscall, error.address, error.port], [undefined, undefined, undefined]);
});

unit("the error classes are Errors with their own names", () => {
  const init = { code: "ERR_FRAME_TOO_LARGE", frameBytes: 10, maxFrameBytes: 5 };
  const errors = [new TcpError("m", init), new FrameError("m", init), new MessageError("m", init)];
  assertEquals(errors.map((error) => error.name), ["TcpError", "FrameError", "MessageError"]);
  for (const error of errors) {
    assertInstanceOf(error, TcpError);
    assertInstanceOf(error, Error);
    assert(String(error.stack).includes("errors_test.ts"));
  }
});

unit("a subclass of TcpError is named after itself", () => {
  class ChatError extends TcpError {}
  assertEquals(new ChatError("m", { code: "ERR_CHAT" }).name, "ChatError");
});

unit("FrameError is not recoverable and MessageError is", () => {
  assertEquals(new FrameError("m", { code: "ERR_FRAME_MALFORMED" }).recoverable, false);
  assertEquals(new MessageError("m", { code: "ERR_MESSAGE_INVALID" }).recoverable, true);
});

unit("FrameError and MessageError carry the numbers that explain them", () => {
  for (const FrameOrMessage of [FrameError, MessageError]) {
    const error = new FrameOrMessage("m", { code: "ERR_FRAME_TOO_LARGE", frameBytes: 10, maxFrameBytes: 5 });
    assertEquals([error.frameBytes, error.maxFrameBytes], [10, 5]);
    const bare = new FrameOrMessage("m", { code: "ERR_FRAME_TOO_LARGE" });
    assertEquals([bare.frameBytes, bare.maxFrameBytes], [undefined, undefined]);
  }
});

unit("a MessageError is no FrameError, nor the other way round", () => {
  const init = { code: "ERR_MESSAGE_INVALID" };
  assertEquals(new MessageError("m", init) instanceof FrameError, false);
  assertEquals(new FrameError("m", init) instanceof MessageError, false);
});

unit("asError() gives an Error back as it is", () => {
  const error = new RangeError("out");
  assertStrictEquals(asError(error), error);
});

for (const thrown of ["text", 5, undefined, null, { code: "E" }]) {
  unit(`asError() wraps ${JSON.stringify(thrown)} and keeps it as cause`, () => {
    const error = asError(thrown);
    assertInstanceOf(error, Error);
    assertEquals(error.message, `Not an Error was thrown: ${String(thrown)}`);
    assertStrictEquals(error.cause, thrown);
  });
}

unit("asError() survives what cannot be made a string", () => {
  assertInstanceOf(asError(Object.create(null)), Error);
  assertInstanceOf(asError(Symbol("s")), Error);
});
