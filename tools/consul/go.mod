module tools/consul

go 1.25.3

require github.com/hashicorp/consul v1.22.0

exclude (
	github.com/hashicorp/go-msgpack v1.1.5
	github.com/hashicorp/go-msgpack v1.1.6
)
