// Functions of a worker, called from the page as if they were its own.

/** What a worker offers: functions of values that can be sent. */
type Functions<Offered> = { readonly [Name in keyof Offered]: (...args: never[]) => unknown };

interface Call {
  readonly id: number;
  readonly name: string;
  readonly args: readonly unknown[];
}

type Answer = ({ readonly id: number } & ({ readonly result: unknown } | { readonly message: string })) | Told;

/** A word on the way, such as how far it is. */
interface Told {
  readonly told: unknown;
}

type Offered = Readonly<Record<string, (...args: never[]) => unknown>>;

/** In a worker: answers calls, one after another. @param atOnce functions that are answered while another runs. */
export function offer(functions: Offered, atOnce: Offered = {}): void {
  let queue = Promise.resolve();
  const answer = async ({ id, name, args }: Call) => {
    const called = atOnce[name] ?? functions[name];
    try {
      postMessage({ id, result: await called(...(args as never[])) } satisfies Answer);
    } catch (thrown) {
      postMessage({ id, message: thrown instanceof Error ? thrown.message : String(thrown) } satisfies Answer);
    }
  };
  addEventListener('message', ({ data }: MessageEvent<Call>) => {
    if (data.name in atOnce) void answer(data);
    else queue = queue.then(() => answer(data));
  });
}

/** In a worker: tells the page something, outside of any answer. */
export function tell(told: unknown): void {
  postMessage({ told } satisfies Answer);
}

/** The functions of a worker, as the page calls them. */
export type Remote<Offered> = {
  readonly [Name in keyof Offered]: Offered[Name] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Awaited<Result>>
    : never;
};

/** @param onTold is given what the worker tells. */
export function remote<Offered extends Functions<Offered>>(
  worker: Worker,
  onTold: (told: never) => void = () => undefined,
): Remote<Offered> {
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (reason: Error) => void }>();
  let calls = 0;
  worker.addEventListener('message', ({ data }: MessageEvent<Answer>) => {
    if ('told' in data) return onTold(data.told as never);
    const asked = waiting.get(data.id);
    waiting.delete(data.id);
    if ('result' in data) asked?.resolve(data.result);
    else asked?.reject(new Error(data.message));
  });
  worker.addEventListener('error', (event) => {
    for (const { reject } of waiting.values())
      reject(new Error(event.message || 'a part of the page cannot be loaded'));
    waiting.clear();
  });
  return new Proxy({} as Remote<Offered>, {
    get:
      (_, name: string) =>
      (...args: readonly unknown[]) =>
        new Promise((resolve, reject) => {
          const id = ++calls;
          waiting.set(id, { resolve, reject });
          worker.postMessage({ id, name, args } satisfies Call);
        }),
  });
}
