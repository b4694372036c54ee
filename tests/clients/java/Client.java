import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.exporter.otlp.trace.OtlpGrpcSpanExporter;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Sends traces of OpenTelemetry's Java SDK over gRPC, one after another, until standard input ends, and prints the id of each
 * that its exporter says is stored. What the exporter gives up is exported again, as a program with a queue of its own would.
 */
class Client {
    private static volatile boolean stops;

    public static void main(String[] arguments) throws Exception {
        var exporter = OtlpGrpcSpanExporter.builder()
                .setEndpoint(System.getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
                .setTimeout(Duration.ofMinutes(5))
                .build();
        var ended = InMemorySpanExporter.create();
        Tracer tracer = SdkTracerProvider.builder().addSpanProcessor(SimpleSpanProcessor.create(ended)).build().get("agent");
        var reader = new Thread(Client::waitForTheEnd);
        reader.setDaemon(true);
        reader.start();
        while (!stops) {
            Span span = tracer.spanBuilder("answer").startSpan();
            span.setAttribute("mlflow.spanInputs", "{\"question\": \"Where is my parcel?\"}");
            span.setAttribute("mlflow.spanOutputs", "{\"answer\": \"On its way.\"}");
            span.setAttribute("gen_ai.usage.input_tokens", 21);
            span.setAttribute("gen_ai.usage.output_tokens", 8);
            span.setAttribute("session.id", "session-1");
            span.setAttribute("user.id", "ada");
            span.end();
            List<SpanData> spans = List.copyOf(ended.getFinishedSpanItems());
            ended.reset();
            while (!exporter.export(spans).join(10, TimeUnit.MINUTES).isSuccess()) {
                continue;
            }
            System.out.println(span.getSpanContext().getTraceId());
        }
        exporter.shutdown().join(1, TimeUnit.MINUTES);
    }

    private static void waitForTheEnd() {
        try {
            System.in.transferTo(java.io.OutputStream.nullOutputStream());
        } catch (java.io.IOException closed) {
            // That is an end, too.
        }
        stops = true;
    }
}
