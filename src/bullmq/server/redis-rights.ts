/** The commands with which BullMQ's scripts add a plain task, as {@link TRY_COMMANDS} takes them. */
export const TO_ADD: readonly string[] = [
  'INCR k',
  'EXISTS k',
  'HGET k f',
  'HMGET k f',
  'HMSET k f v',
  'HSET k f v',
  'LPUSH k v',
  'XADD k * f v',
  'ZADD k 0 v',
];

/** Those that only some tasks need: with a key, a delay, a priority or another setting, or of a schedule or a group. */
export const TO_ADD_SOME: readonly string[] = [
  'GET k',
  'HDEL k f',
  'HEXISTS k f',
  'HGETALL k',
  'HINCRBY k f 1',
  'HLEN k',
  'LLEN k',
  'LPOS k v',
  'LRANGE k 0 0',
  'LREM k 0 v',
  'LTRIM k 0 0',
  'PERSIST k',
  'PTTL k',
  'RPUSH k v',
  'SADD k v',
  'SCARD k',
  'SET k 0',
  'SREM k v',
  'ZCARD k',
  'ZRANGE k 0 0',
  'ZREM k v',
  'ZREVRANGEBYSCORE k 0 0',
  'ZSCORE k v',
  // Removes the key, and so comes last.
  'DEL k',
];

/** Those that only a worker needs. It also waits with BZPOPMIN, which scripts cannot try. */
export const TO_WORK: readonly string[] = [
  'PEXPIRE k 1000',
  'RPOPLPUSH k k',
  'SISMEMBER k v',
  'SMEMBERS k',
  'XTRIM k MAXLEN 0',
  'ZPOPMIN k',
  'ZRANGEBYSCORE k 0 0',
  'ZREMRANGEBYRANK k 0 0',
  'ZREMRANGEBYSCORE k 0 0',
  'ZREVRANGE k 0 0',
];

/**
 * Tries commands on a key. The first one makes a number of it: the server then checks the rights to the others, and
 * only after that finds that they do not fit a number. The last one removes it.
 *
 * KEYS: that key, and those of a plain task, so that the rights to them are checked as well. ARGV: commands, with `k`
 * for the key. Returns the refused ones: after the name of each the reason.
 */
export const TRY_COMMANDS = `
  local refused = {}
  for _, command in ipairs(ARGV) do
    local words = {}
    for word in string.gmatch(command, '%S+') do words[#words + 1] = word == 'k' and KEYS[1] or word end
    local answer = redis.pcall(unpack(words))
    local reason = type(answer) == 'table' and answer.err
    if reason and not string.find(reason, 'WRONGTYPE', 1, true) then
      refused[#refused + 1] = words[1]
      refused[#refused + 1] = reason
    end
  end
  return refused`;

/** Names the commands of a list that {@link TRY_COMMANDS} found refused; `undefined` if there are none. */
export function refusedOf(commands: readonly string[], refused: readonly string[]): string | undefined {
  const names = new Set(commands.map((command) => command.split(' ', 1)[0]!));
  const found = refused.filter((name, index) => index % 2 === 0 && names.has(name));
  if (found.length === 0) return undefined;
  return refusal(found.join(', '), refused[refused.indexOf(found[0]!) + 1]!);
}

/** The server may refuse all that writes: then the names of the commands explain nothing. */
function refusal(names: string, reason: string): string {
  const [code] = reason.split(' ', 1);
  if (code === 'READONLY') {
    return `it is a read-only replica, and refuses tasks (${reason}) Connect to its master`;
  }
  if (code === 'OOM') {
    return `it has reached its maxmemory, and refuses tasks (${reason}) Raise it, or keep fewer finished ones`;
  }
  return code === 'ERR' || code === 'NOPERM' ? `it refuses ${names} to this user (${reason})` : reason;
}
