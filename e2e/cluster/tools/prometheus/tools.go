//go:build tools

// Package tools pins Prometheus, which the alerts and dashboards are tried out in, and its promtool.
package tools

import (
	_ "github.com/prometheus/prometheus/cmd/prometheus"
	_ "github.com/prometheus/prometheus/cmd/promtool"
)
