// Sends traces of OpenTelemetry's Go SDK over gRPC, one after another, until standard input ends, and prints the id of each
// that its exporter says is stored. What the exporter gives up is exported again, as a program with a queue of its own would.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func main() {
	ctx := context.Background()
	exporter, err := otlptracegrpc.New(ctx)
	if err != nil {
		panic(err)
	}
	ended := tracetest.NewInMemoryExporter()
	tracer := trace.NewTracerProvider(trace.WithSyncer(ended)).Tracer("agent")
	var stops atomic.Bool
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stops.Store(true)
	}()
	for !stops.Load() {
		_, span := tracer.Start(ctx, "answer")
		span.SetAttributes(
			attribute.String("mlflow.spanInputs", `{"question": "Where is my parcel?"}`),
			attribute.String("mlflow.spanOutputs", `{"answer": "On its way."}`),
			attribute.Int("gen_ai.usage.input_tokens", 21),
			attribute.Int("gen_ai.usage.output_tokens", 8),
			attribute.String("session.id", "session-1"),
			attribute.String("user.id", "ada"),
		)
		span.End()
		spans := ended.GetSpans().Snapshots()
		ended.Reset()
		for exporter.ExportSpans(ctx, spans) != nil {
		}
		fmt.Println(span.SpanContext().TraceID())
	}
	if err := exporter.Shutdown(ctx); err != nil {
		panic(err)
	}
}
