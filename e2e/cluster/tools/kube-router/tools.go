//go:build tools

// Package tools names the program that this module is for.
package tools

import _ "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"
