// The tables that limits are kept in: counts, rates, crowds, tokens, and the checksum.

import { assert, assertEquals } from "@std/assert";
import { crc32c } from "../../src/base/crc32c.ts";
import { AddressCounts } from "../../src/limits/address_counts.ts";
import { type Crowd, Crowds, type Standing } from "../../src/limits/crowds.ts";
import { MAX_RATED_ADDRESSES, RateTable } from "../../src/limits/rate_table.ts";
import { TokenBucket } from "../../src/limits/token_bucket.ts";
import { Random } from "../../src/testing/random.ts";
import { runDeno } from "../support/child.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

test("AddressCounts takes no more room than what is counted", () => {
  const counts = new AddressCounts();
  const inside = ["a", "b", "a"].map((key) => counts.add(key));
  assertEquals([counts.of("a").count, counts.of("b").count, counts.of("c").count, counts.size], [2, 1, 0, 2]);
  for (const one of inside) counts.remove(one);
  assertEquals([counts.of("a").count, counts.of("b").count, counts.size], [0, 0, 0]);
});

/** When `attempts` at those times are allowed. */
function allowed(perSecond: number, attempts: readonly number[]): number[] {
  const table = new RateTable(perSecond);
  return attempts.filter((at) => table.take("a", at));
}

test("RateTable lets a second's worth through at once, then keeps to the rate", () => {
  assertEquals(allowed(3, [0, 0, 0, 0, 0]), [0, 0, 0]);
  assertEquals(allowed(2, [0, 0, 499, 500, 500, 999, 1_000, 3_000, 3_000, 3_000]), [0, 0, 500, 1_000, 3_000, 3_000]);
  assertEquals(allowed(1, [5, 5, 1_004, 1_005, 1_006]), [5, 1_005]);
  assertEquals(allowed(0.5, [0, 1, 1_999, 2_000, 2_001, 4_000]), [0, 2_000, 4_000]);
});

test("RateTable takes no token for a refused attempt: a flood does not put off its own end", () => {
  const attempts = Array.from({ length: 10_000 }, (_, i) => i);
  assertEquals(allowed(5, attempts).length, 5 + 10_000 / 200 - 1);
});

test("RateTable counts every address by itself", () => {
  const table = new RateTable(1);
  assertEquals(["a", "b", "a", "b"].map((key) => table.take(key, 0)), [true, true, false, false]);
});

test("RateTable takes another rate at once, in both directions, and keeps what was done", () => {
  const table = new RateTable(1);
  assertEquals([table.take("a", 0), table.take("a", 0)], [true, false]);
  table.perSecond = 10;
  assertEquals([table.take("a", 100), table.take("a", 100)], [true, false]);
  table.perSecond = 0.25;
  assertEquals([table.take("a", 1_100), table.take("a", 5_200), table.take("a", 9_199)], [true, true, false]);
});

test("RateTable is empty again when what was done says nothing any more", () => {
  const table = new RateTable(2);
  for (let i = 0; i < 100; i++) table.take(`a${i}`, i);
  assertEquals(table.size(100), 100);
  assertEquals(table.size(2_200), 0);
});

test("RateTable never forgets too early, whatever the order", () => {
  const random = new Random(3);
  const table = new RateTable(3);
  const model = new Map<string, number>();
  let now = 0;
  for (let i = 0; i < 20_000; i++) {
    now += random.below(60);
    const key = `k${random.below(20)}`;
    const due = Math.max(model.get(key) ?? 0, now) + 1_000 / 3;
    const expected = due - now <= 1_000.001;
    if (expected) model.set(key, due);
    assertEquals(table.take(key, now), expected, `attempt ${i}`);
  }
});

test("RateTable keeps at most so many addresses, and lets the oldest go first", () => {
  const table = new RateTable(1, 100);
  for (let i = 0; i < 100; i++) table.take(`k${i}`, 0);
  assertEquals(table.size(0), 100);
  assert(!table.take("k0", 0) && !table.take("k99", 0), "all hundred are remembered");
  table.take("k100", 0);
  assert(table.size(0) <= 100);
  assert(table.take("k0", 0), "the oldest was forgotten");
  assert(!table.take("k99", 0) && !table.take("k100", 0), "the newest were not");
});

Deno.test("65,536 rated addresses cost less than 16 MiB, and one more is no search", () => {
  const address = (i: number) => `10.${i >>> 16}.${(i >>> 8) & 255}.${i & 255}`;
  const collect = () => {
    // Without --expose-gc what is there is counted with its garbage: the bound holds all the same.
    (globalThis as { gc?: () => void }).gc?.();
    return Deno.memoryUsage().heapUsed;
  };
  const before = collect();
  const table = new RateTable(1);
  for (let i = 0; i < MAX_RATED_ADDRESSES; i++) table.take(address(i), i / 1_000);
  assert(collect() - before < 16 * 1_024 * 1_024);
  assertEquals(table.size(100), MAX_RATED_ADDRESSES);
  // As many again, each of which puts out an old one: searching for the oldest would take hours.
  for (let i = 0; i < 4 * MAX_RATED_ADDRESSES; i++) table.take(address(MAX_RATED_ADDRESSES + i), 100);
  assert(table.size(100) <= MAX_RATED_ADDRESSES);
});

Deno.test("65,536 addresses cost less than 16 MiB in each of the tables", async () => {
  const folder = new URL("../../src/limits/", import.meta.url);
  const { code, stdout, stderr } = await runDeno([
    "eval",
    "--quiet",
    "--v8-flags=--expose-gc",
    `
    import { AddressCounts } from "${folder}address_counts.ts";
    import { AddressList } from "${folder}address_list.ts";
    import { Crowds } from "${folder}crowds.ts";
    import { RateTable } from "${folder}rate_table.ts";
    const addresses = Array.from({ length: 65_536 }, (_, i) => \`10.\${i >>> 16}.\${(i >>> 8) & 255}.\${i & 255}\`);
    const member = () => ({ crowd: undefined, before: undefined, after: undefined });
    const [counts, crowds, rates] = [new AddressCounts(), new Crowds(), new RateTable(1)];
    const fills = {
      counts: () => addresses.forEach((address) => counts.add(address)),
      crowds: () => addresses.forEach((address) => crowds.add(address, member())),
      rates: () => addresses.forEach((address, i) => rates.take(address, i / 1_000)),
      list: () => globalThis.list = new AddressList("limits.deny", addresses),
    };
    const usedBytes = () => (gc(), Deno.memoryUsage().heapUsed);
    const mebibytes = Object.entries(fills).map(([name, fill]) => {
      const before = usedBytes();
      fill();
      return [name, (usedBytes() - before) / 2 ** 20];
    });
    console.log(JSON.stringify(Object.fromEntries(mebibytes)), counts.size + crowds.size + rates.size(65));
    `,
  ]);
  assertEquals([code, stderr], [0, ""]);
  const [, table = "", size] = /^(.*) (\d+)\n$/.exec(stdout) ?? [];
  assertEquals(Number(size), 3 * 65_536);
  for (const [name, mebibytes] of Object.entries<number>(JSON.parse(table))) {
    assert(mebibytes > 0.5 && mebibytes < 16, `${name}: ${mebibytes} MiB`);
  }
});

class Member implements Standing<Member> {
  crowd: Crowd<Member> | undefined;
  before: Member | undefined;
  after: Member | undefined;
  readonly key: string;

  constructor(key: string) {
    this.key = key;
  }
}

test("Crowds tells the oldest of the largest, as a search would", () => {
  const random = new Random(11);
  const crowds = new Crowds<Member>();
  const model: Member[] = [];
  for (let i = 0; i < 5_000; i++) {
    if (model.length === 0 || random.below(3) > 0) {
      const member = new Member(`k${random.below(8)}`);
      model.push(member);
      crowds.add(member.key, member);
    } else {
      const [gone] = model.splice(random.below(model.length), 1);
      crowds.remove(gone!);
      crowds.remove(gone!); // once is enough
    }
    const sizes = Map.groupBy(model, ({ key }) => key);
    const largest = Math.max(0, ...[...sizes.values()].map(({ length }) => length));
    const candidates = [...sizes.values()].filter(({ length }) => length === largest).map(([first]) => first);
    if (largest === 0) assertEquals(crowds.oldestOfLargest, undefined);
    else assert(candidates.includes(crowds.oldestOfLargest), `step ${i}`);
    assertEquals([crowds.size, crowds.largest], [sizes.size, largest]);
  }
  for (const member of model) crowds.remove(member);
  assertEquals([crowds.size, crowds.oldestOfLargest], [0, undefined]);
});

test("Crowds of ten thousand shed and refill without a search", () => {
  const crowds = new Crowds<Member>();
  const members: Member[] = [];
  const enter = () => {
    const member = new Member(`k${members.length}`);
    members.push(member);
    crowds.add(member.key, member);
  };
  for (let i = 0; i < 10_000; i++) enter();
  for (let i = 0; i < 100_000; i++) {
    assert(crowds.oldestOfLargest === members[i]);
    crowds.remove(members[i]!);
    enter();
  }
});

test("TokenBucket saves a second's tokens and no more", () => {
  const bucket = new TokenBucket(1_000, 0);
  assertEquals(bucket.available(0), 1_000);
  bucket.take(1_000);
  assertEquals([bucket.available(1), bucket.available(250), bucket.available(9_000)], [1, 250, 1_000]);
  bucket.take(900);
  assertEquals([bucket.waitMs(100, 9_000), bucket.waitMs(200, 9_000), bucket.waitMs(200, 9_050)], [0, 100, 50]);
  assertEquals(bucket.waitMs(5_000, 9_000), 900, "more than a second's never come together");
});

test("TokenBucket of a slow rate gives whole tokens, in time", () => {
  const bucket = new TokenBucket(0.5, 0);
  assertEquals(bucket.available(0), 1);
  bucket.take(1);
  assertEquals([bucket.available(1_999), Math.round(bucket.waitMs(1, 1_999)), bucket.available(2_000)], [0, 1, 1]);
});

test("TokenBucket with a burst of its own", () => {
  const bucket = new TokenBucket(10, 0, 3);
  assertEquals(bucket.available(60_000), 3);
});

test("crc32c gives what RFC 3720 prints", () => {
  const text = (value: string) => crc32c(new TextEncoder().encode(value));
  assertEquals(text(""), 0);
  assertEquals(text("123456789"), 0xe3069283);
  assertEquals(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assertEquals(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assertEquals(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
});
