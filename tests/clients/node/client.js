// Sends traces of OpenTelemetry's Node SDK over gRPC, one after another, until standard input ends, and prints the id of each
// that its exporter says is stored. What the exporter gives up is exported again, as a program with a queue of its own would.

const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-grpc');
const { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');

const ended = new InMemorySpanExporter();
const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(ended)] }).getTracer('agent');
const exporter = new OTLPTraceExporter();
let stops = false;
process.stdin.on('end', () => { stops = true; }).resume();

const isStored = spans => new Promise(resolve => exporter.export(spans, result => resolve(result.code === 0)));

async function main() {
  while (!stops) {
    const span = tracer.startSpan('answer');
    span.setAttributes({
      'mlflow.spanInputs': JSON.stringify({ question: 'Where is my parcel?' }),
      'mlflow.spanOutputs': JSON.stringify({ answer: 'On its way.' }),
      'gen_ai.usage.input_tokens': 21,
      'gen_ai.usage.output_tokens': 8,
      'session.id': 'session-1',
      'user.id': 'ada',
    });
    span.end();
    const spans = [...ended.getFinishedSpans()];
    ended.reset();
    while (!await isStored(spans));
    console.log(span.spanContext().traceId);
  }
  await exporter.shutdown();
}

main();
