module redport

go 1.26.0

require (
	github.com/HdrHistogram/hdrhistogram-go v1.4.0
	golang.org/x/sys v0.49.0
	golang.org/x/term v0.47.0
	golang.org/x/text v0.43.0
)

require github.com/pierrec/lz4/v4 v4.1.33

require github.com/yuin/gopher-lua v1.1.2
