/**
 * Removes jobs that ended before a moment, as BullMQ does with those that are too old.
 *
 * KEYS: the sets of completed and of failed jobs, the beginning of the keys of jobs. ARGV: for each job its id and
 * the two moments; 0 for none.
 */
export const FREE_KEYS = `
  local function free(set, id, before)
    local endedAt = redis.call('ZSCORE', set, id)
    if not endedAt or tonumber(endedAt) > tonumber(before) then return end
    redis.call('ZREM', set, id)
    local job = KEYS[3] .. id
    redis.call('DEL', job, job .. ':logs', job .. ':dependencies', job .. ':processed', job .. ':failed',
      job .. ':unsuccessful')
  end
  for i = 1, #ARGV, 3 do
    free(KEYS[1], ARGV[i], ARGV[i + 1])
    free(KEYS[2], ARGV[i], ARGV[i + 2])
  end`;

/**
 * Makes a job active that waits or is delayed.
 *
 * KEYS: the lists of waiting and of paused jobs, the sets of prioritized and of delayed ones, the list of active ones, the
 * beginning of the keys of jobs. ARGV: its id, the token and the milliseconds of the lock. Returns whether it was one.
 */
export const TAKE = `
  local id = ARGV[1]
  local found = redis.call('LREM', KEYS[1], 1, id) + redis.call('LREM', KEYS[2], 1, id) +
    redis.call('ZREM', KEYS[3], id) + redis.call('ZREM', KEYS[4], id)
  if found == 0 then return 0 end
  redis.call('LPUSH', KEYS[5], id)
  redis.call('SET', KEYS[6] .. id .. ':lock', ARGV[2], 'PX', ARGV[3])
  return 1`;

/** Returns those of the jobs whose data end with a mark. KEYS: the keys of jobs. ARGV: the mark. */
export const MARKED = `
  local marked = {}
  for i, key in ipairs(KEYS) do
    local data = redis.call('HGET', key, 'data')
    if data and string.sub(data, -#ARGV[1]) == ARGV[1] then marked[#marked + 1] = i end
  end
  return marked`;

/**
 * Makes the job active that was added first, of those that are delayed until one of the moments, as BullMQ does with
 * the first of the queue. A limit on the tasks that begin has counted it when the other worker took it.
 *
 * KEYS: the set of delayed jobs, the list of active ones, the settings of the queue, its events, the beginning of the
 * keys of jobs. ARGV: the token and the milliseconds of the lock, the time, then the moments. Returns the job's id.
 */
export const CLAIM = `
  if redis.call('HEXISTS', KEYS[3], 'paused') == 1 then return end
  local first, addedAt
  for i = 4, #ARGV do
    -- BullMQ keeps a moment times 4096, and the order of its jobs in the rest.
    local from = tonumber(ARGV[i]) * 4096
    local id = redis.call('ZRANGEBYSCORE', KEYS[1], from, from + 4095, 'LIMIT', 0, 1)[1]
    local at = id and tonumber(redis.call('HGET', KEYS[5] .. id, 'timestamp') or 0)
    if id and (not first or at < addedAt) then first, addedAt = id, at end
  end
  if not first then return end
  redis.call('ZREM', KEYS[1], first)
  redis.call('LPUSH', KEYS[2], first)
  redis.call('SET', KEYS[5] .. first .. ':lock', ARGV[1], 'PX', ARGV[2])
  redis.call('HSET', KEYS[5] .. first, 'processedOn', ARGV[3], 'delay', 0)
  redis.call('HINCRBY', KEYS[5] .. first, 'ats', 1)
  redis.call('XADD', KEYS[4], '*', 'event', 'active', 'jobId', first, 'prev', 'delayed')
  return first`;
