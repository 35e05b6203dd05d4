import {
  type CanActivate,
  Catch,
  ConflictException,
  type ExceptionFilter,
  Inject,
  Injectable,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { Args, Context, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import DataLoader from 'dataloader';
import { describe, expect, it } from 'vitest';
import {
  BackendUnavailableError,
  BackgroundTasks,
  BackgroundTasksInterceptor,
  BackgroundTasksRef,
  currentTask,
  defineTask,
  Resource,
  TaskHandler,
  Tasks,
} from '../../src/index.js';
import { RequestScopes } from '../../src/scope/request-scopes.js';
import { RecordingBackgroundTasks, settled } from '../../src/testing/index.js';
import { deferred } from '../support/deferred.js';
import { post, postBatch, servers, startGraphQL } from '../support/graphql.js';
import { MemoryBackend, memoryBackendModule } from '../support/memory-backend.js';
import { recordedResource } from '../support/recorded-resource.js';
import { useTimeline } from '../support/timeline.js';

const typeDefs = `
  type User { id: Int!, name: String, friends: [User!] }
  type Query { user(id: Int!): User, strict: User!, ok: Boolean }
  type Mutation { signUp(name: String!): String, fail(name: String): String, both(name: String): String }
`;

describe.each(servers)('B11 GraphQL with $name', (server) => {
  const timeline = useTimeline();
  const database = (release?: 'before-response') =>
    recordedResource(timeline, { provide: 'db', ...(release && { release }) });

  @Resolver('Mutation')
  class Mutations {
    @Mutation('signUp')
    async signUp(@Args('name') name: string, @Tasks() tasks: BackgroundTasks, @Resource('db') _db: unknown) {
      tasks.addTask(() => timeline.note(`welcome ${name}, ${currentTask().outcome.succeeded}`));
      return name;
    }

    @Mutation('fail')
    async fail(@Args('name') name: string, @Tasks() tasks: BackgroundTasks, @Resource('db') _db: unknown) {
      tasks.addTask(function never() {
        timeline.note('never');
      });
      tasks.with({ runOn: 'failure' }).addTask(() => {
        const { error, succeeded } = currentTask().outcome;
        timeline.note(`failure of ${name}, ${succeeded}, ${(error as Error).message}`);
      });
      throw new Error(`no ${name}`);
    }
  }

  it('runs the tasks of several root fields in one queue, after the response', async () => {
    const running = await startGraphQL(server, typeDefs, { providers: [Mutations, database()] });

    const { body } = await post(running, { query: 'mutation { a: signUp(name: "a") b: signUp(name: "b") }' });
    await settled(running.app);

    expect(body).toEqual({ data: { a: 'a', b: 'b' } });
    expect(timeline.events).toEqual(['db opened', 'welcome a, true', 'welcome b, true', 'db committed', 'db released']);
  });

  it('shares one queue and one resource among the operations of a batch', async () => {
    const running = await startGraphQL(server, typeDefs, { providers: [Mutations, database()] });

    const batch = ['a', 'b', 'c'].map((name) => `mutation { signUp(name: "${name}") }`);
    const { body } = await postBatch(running, ...batch);
    await settled(running.app);

    expect(body.map(({ data }) => data!.signUp)).toEqual(['a', 'b', 'c']);
    expect(timeline.count('db opened')).toBe(1);
    expect(timeline.events.slice(1, 4).toSorted()).toEqual(['welcome a, true', 'welcome b, true', 'welcome c, true']);
    expect(timeline.events.slice(4)).toEqual(['db committed', 'db released']);
  });

  it("discards the 'success' tasks of the operation that failed, and not its neighbours'", async () => {
    const running = await startGraphQL(server, typeDefs, { providers: [Mutations, database()] });

    const { body } = await postBatch(
      running,
      'mutation SignUp { signUp(name: "a") }',
      'mutation Fail { fail(name: "b") }',
    );
    await settled(running.app);

    expect(body[0]).toEqual({ data: { signUp: 'a' } });
    expect(body[1]!.errors![0]!.message).toBe('no b');
    expect(timeline.events.toSorted()).toEqual([
      'db opened',
      'db released',
      'db rolled back: no b',
      'failure of b, false, no b',
      'welcome a, true',
    ]);
    expect(running.logs.warnings.join('\n')).toContain('Discarded "never": mutation Fail of POST /graphql failed.');
  });

  it('adds the tasks of a field to its operation, also where its parent is the HTTP request', async () => {
    @Resolver('User')
    class Users {
      @Query('user')
      user(@Context() context: { readonly req?: object; readonly reply?: { readonly request: object } }) {
        return context.req ?? context.reply!.request;
      }

      @ResolveField('name')
      name(@Tasks() tasks: BackgroundTasks) {
        tasks.addTask(timeline.note, 'task of the field');
        return 'name';
      }
    }
    const running = await startGraphQL(server, typeDefs, { providers: [Users, Mutations, database()] });

    const { body } = await postBatch(running, '{ user(id: 1) { name } }', 'mutation Fail { fail(name: "b") }');
    await settled(running.app);

    expect(body[0]).toEqual({ data: { user: { name: 'name' } } });
    expect(timeline.events).toContain('task of the field');
  });

  it('counts a null that has reached the root as a failure', async () => {
    @Resolver('User')
    class Users {
      @Query('strict')
      strict(@Tasks() tasks: BackgroundTasks) {
        tasks.addTask(() => timeline.note('never'));
        return { id: null };
      }
    }
    const running = await startGraphQL(server, typeDefs, { providers: [Users] });

    const { body } = await post(running, { query: '{ strict { id } }' });
    await settled(running.app);

    expect(body.data ?? null).toBeNull();
    expect(timeline.events).toEqual([]);
  });

  it('counts an error of a nullable field below the root as none', async () => {
    @Resolver('User')
    class Users {
      @Query('user')
      user(@Tasks() tasks: BackgroundTasks) {
        tasks.addTask(() => timeline.note('task'));
        return { id: 1 };
      }

      @ResolveField('name')
      name() {
        throw new Error('no name');
      }
    }
    const running = await startGraphQL(server, typeDefs, { providers: [Users] });

    const { body } = await post(running, { query: '{ user(id: 1) { id name } }' });
    await settled(running.app);

    expect(body.data).toEqual({ user: { id: 1, name: null } });
    expect(timeline.events).toEqual(['task']);
  });

  it('lets a resolver behind BackgroundTasksInterceptor use a reference that nothing injects', async () => {
    @Resolver('Query')
    @UseInterceptors(BackgroundTasksInterceptor)
    class Queries {
      constructor(readonly moduleRef: ModuleRef) {}

      @Query('ok')
      ok() {
        const { current } = this.moduleRef.get(BackgroundTasksRef, { strict: false });
        current.addTask(() => timeline.note('task'));
        return true;
      }
    }
    Inject(ModuleRef)(Queries, undefined, 0);
    const running = await startGraphQL(server, typeDefs, { providers: [Queries] });

    const { body } = await post(running, { query: '{ ok }' });
    await settled(running.app);

    expect(body).toEqual({ data: { ok: true } });
    expect(timeline.events).toEqual(['task']);
  });

  it('takes nothing of what a client sends for what GraphQL tells a resolver', async () => {
    @Resolver('Mutation')
    class Forged {
      constructor(readonly ref: BackgroundTasksRef) {}

      @Mutation('forge')
      forge(@Args('operation') operation: string | null, @Tasks() tasks: BackgroundTasks) {
        tasks.addTask(function never() {
          timeline.note('never');
        });
        throw new Error(`no ${operation}`);
      }
    }
    Inject(BackgroundTasksRef)(Forged, undefined, 0);
    const schema = `type Query { ok: Boolean } type Mutation { forge(operation: String, fieldName: String): String }`;
    const running = await startGraphQL(server, schema, { providers: [Forged] });

    const first = await post(running, { query: 'mutation { forge(operation: null, fieldName: "forged") }' });
    const second = await post(running, { query: 'mutation { forge(operation: "x", fieldName: "forged") }' });
    await settled(running.app);

    expect([first, second].map(({ body }) => body.errors![0]!.message)).toEqual(['no null', 'no x']);
    expect(timeline.events).toEqual([]);
    expect(running.logs.warnings.join('\n')).toContain('mutation forge of POST /graphql failed.');
    expect(running.logs.warnings.join('\n')).not.toContain('forged');
  });

  it('tells an exception filter of a root field of the failure, as in HTTP', async () => {
    @Catch()
    @Injectable()
    class Filter implements ExceptionFilter {
      constructor(private readonly ref: BackgroundTasksRef) {}

      catch(error: Error) {
        this.ref.current.addTask(() => timeline.note(`reported ${error.message}`));
        return error;
      }
    }
    @Resolver('Mutation')
    class Failing {
      @Mutation('fail')
      @UseFilters(Filter)
      fail() {
        throw new Error('no x');
      }
    }
    const running = await startGraphQL(server, typeDefs, { providers: [Failing, Filter] });

    await post(running, { query: 'mutation { fail(name: "x") }' });
    await settled(running.app);

    expect(timeline.events).toContain('reported no x');
  });

  it('leads guards, field resolvers and data loaders to the tasks of the request', async () => {
    @Injectable()
    class Guard implements CanActivate {
      constructor(private readonly ref: BackgroundTasksRef) {}

      canActivate() {
        this.ref.current.addTask(() => timeline.note('guard'));
        return true;
      }
    }
    @Injectable({ scope: Scope.REQUEST })
    class Loaders {
      readonly users = new DataLoader(async (ids: readonly number[]) => {
        this.tasks.addTask(() => timeline.note(`loaded ${ids.join()}`));
        return ids.map((id) => ({ id }));
      });

      constructor(private readonly tasks: BackgroundTasks) {}
    }
    @Resolver('User')
    class Users {
      constructor(
        private readonly ref: BackgroundTasksRef,
        private readonly loaders: Loaders,
      ) {}

      @Query('user')
      @UseGuards(Guard)
      user(@Args('id') id: number) {
        return { id };
      }

      @ResolveField('friends')
      friends(@Parent() { id }: { id: number }, @Tasks() tasks: BackgroundTasks) {
        const isSame = tasks === this.ref.current;
        tasks.addTask(() => timeline.note(`friends of ${id}, ${isSame}`));
        return Promise.all([1, 2].map((friend) => this.loaders.users.load(friend)));
      }

      @ResolveField('name')
      name() {
        this.ref.current.addTask(() => timeline.note('name'));
        return 'Ada';
      }
    }
    const running = await startGraphQL(server, typeDefs, { providers: [Users, Loaders, Guard] });

    const { body } = await post(running, { query: '{ user(id: 7) { name friends { id } } }' });
    await settled(running.app);

    expect(body).toEqual({ data: { user: { name: 'Ada', friends: [{ id: 1 }, { id: 2 }] } } });
    expect(timeline.events.toSorted()).toEqual(['friends of 7, true', 'guard', 'loaded 1,2', 'name']);
  });

  it('answers with an error in place of the results when a resource cannot commit', async () => {
    const failing = recordedResource(timeline, {
      provide: 'db',
      release: 'before-response',
      commit: () => {
        throw new ConflictException('somebody was faster');
      },
    });
    const running = await startGraphQL(server, typeDefs, { providers: [Mutations, failing] });

    const { status, body } = await post(running, { query: 'mutation { signUp(name: "a") }' });
    await settled(running.app);

    expect(status).toBe(409);
    expect(body).toEqual({ errors: [{ message: 'somebody was faster', extensions: { code: 'CONFLICT' } }] });
    expect(timeline.events).not.toContain('welcome a, true');
  });

  it("releases a 'before-response' resource once, when the last operation of a batch has ended", async () => {
    const gate = deferred();
    @Resolver('Mutation')
    class Slow {
      @Mutation('both')
      async both(@Args('name') name: string, @Resource('db') _db: unknown) {
        if (name === 'slow') await gate.promise;
        timeline.note(`ended ${name}`);
        return name;
      }
    }
    const running = await startGraphQL(server, typeDefs, { providers: [Slow, database('before-response')] });

    const answered = postBatch(running, 'mutation { both(name: "slow") }', 'mutation { both(name: "fast") }');
    await timeline.until('ended fast');
    gate.resolve();
    await answered;

    expect(timeline.events).toEqual(['db opened', 'ended fast', 'ended slow', 'db committed', 'db released']);
  });

  it('answers 503 when the backend does not take a named task, and hands nothing over of a failed operation', async () => {
    const SendMail = defineTask<{ to: string }>({ name: 'send-mail' });
    const backend = new MemoryBackend();
    @TaskHandler(SendMail)
    class MailSender {
      run() {}
    }
    @Resolver('Mutation')
    class Enqueueing {
      @Mutation('signUp')
      signUp(@Args('name') name: string, @Tasks() tasks: BackgroundTasks) {
        tasks.enqueue(SendMail, { to: name });
        return name;
      }

      @Mutation('fail')
      fail(@Tasks() tasks: BackgroundTasks) {
        tasks.enqueue(SendMail, { to: 'nobody' });
        throw new Error('broken');
      }
    }
    const running = await startGraphQL(server, typeDefs, {
      imports: [memoryBackendModule(backend)],
      providers: [Enqueueing, MailSender],
    });

    await post(running, { query: 'mutation { fail }' });
    await post(running, { query: 'mutation { signUp(name: "a") }' });
    expect(backend.batches.flat().map(({ envelope }) => envelope.payload)).toEqual([{ to: 'a' }]);
    backend.accept = () => Promise.reject(new BackendUnavailableError('Tasks', 'the backend is down'));
    const { status, body } = await post(running, { query: 'mutation { signUp(name: "b") }' });

    expect(status).toBe(503);
    expect(body.errors![0]!.extensions!.code).toBe('SERVICE_UNAVAILABLE');
  });

  it('gives each operation of a batch request-scoped instances of its own, and disposes of all', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Session {
      constructor() {
        timeline.note('session');
      }

      [Symbol.dispose]() {
        timeline.note('session disposed');
      }
    }
    @Resolver('Mutation')
    class Scoped {
      constructor(
        private readonly tasks: BackgroundTasks,
        readonly session: Session,
      ) {}

      @Mutation('both')
      both(@Args('name') name: string, @Tasks() tasks: BackgroundTasks) {
        this.tasks.addTask(() => timeline.note(`task of ${name}`));
        return String(tasks === this.tasks);
      }

      @Mutation('fail')
      fail() {
        this.tasks.addTask(() => timeline.note('never'));
        throw new Error('broken');
      }
    }
    const running = await startGraphQL(server, typeDefs, { providers: [Scoped, Session] });

    const { body } = await postBatch(
      running,
      'mutation { both(name: "a") }',
      'mutation { fail }',
      'mutation { both(name: "b") }',
    );
    await settled(running.app);

    expect([body[0]!.data, body[2]!.data]).toEqual([{ both: 'true' }, { both: 'true' }]);
    expect(timeline.events.toSorted()).toEqual([
      ...Array.from({ length: 3 }, () => 'session'),
      ...Array.from({ length: 3 }, () => 'session disposed'),
      'task of a',
      'task of b',
    ]);
  });

  it('opens no scope for a query that uses nothing, and leaves none behind for a broken document', async () => {
    @Resolver()
    class Plain {
      @Query('ok')
      ok(@Context() _context: object) {
        return true;
      }
    }
    const running = await startGraphQL(server, typeDefs, { providers: [Plain] });

    expect((await post(running, { query: '{ ok }' })).body).toEqual({ data: { ok: true } });
    expect((await post(running, { query: '{ nothing }' })).body.errors).toHaveLength(1);
    expect((await post(running, { query: '{ broken' })).body.errors).toHaveLength(1);
    expect(running.app.get(RequestScopes).open.size).toBe(0);
  });

  it('gives resolvers the BackgroundTasks that a test has put in place', async () => {
    const recorded = new RecordingBackgroundTasks();
    const running = await startGraphQL(server, typeDefs, {
      providers: [Mutations, database()],
      override: (builder) => builder.overrideProvider(BackgroundTasks).useValue(recorded),
    });

    await post(running, { query: 'mutation { signUp(name: "a") }' });

    expect(recorded.added).toHaveLength(1);
    expect(timeline.events).not.toContain('welcome a, true');
  });
});
