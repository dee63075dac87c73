package main

import (
	"context"
	"errors"
	"os"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	mebibyte  = 1 << 20
	leastSize = 300 * mebibyte // mkfs.xfs refuses less
)

func (d *driver) ControllerGetCapabilities(context.Context, *csi.ControllerGetCapabilitiesRequest) (*csi.ControllerGetCapabilitiesResponse, error) {
	answer := &csi.ControllerGetCapabilitiesResponse{}
	for _, kind := range []csi.ControllerServiceCapability_RPC_Type{
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME, csi.ControllerServiceCapability_RPC_EXPAND_VOLUME,
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_SNAPSHOT, csi.ControllerServiceCapability_RPC_CLONE_VOLUME,
	} {
		rpc := &csi.ControllerServiceCapability_RPC{Type: kind}
		answer.Capabilities = append(answer.Capabilities,
			&csi.ControllerServiceCapability{Type: &csi.ControllerServiceCapability_Rpc{Rpc: rpc}})
	}
	return answer, nil
}

func (d *driver) topology() *csi.Topology {
	return &csi.Topology{Segments: map[string]string{d.name + "/node": d.node}}
}

// wholeMebibytes rounds up: loop devices want sectors, people like round numbers.
func wholeMebibytes(bytes int64) int64 { return (bytes + mebibyte - 1) / mebibyte * mebibyte }

func (d *driver) CreateVolume(_ context.Context, request *csi.CreateVolumeRequest) (*csi.CreateVolumeResponse, error) {
	if err := checkIdentifier("name", request.Name); err != nil {
		return nil, err
	}
	if err := checkCapabilities(request.VolumeCapabilities...); err != nil {
		return nil, err
	}
	unlock, err := d.lock(request.Name)
	if err != nil {
		return nil, err
	}
	defer unlock()
	limit := request.GetCapacityRange().GetLimitBytes()
	wanted := wholeMebibytes(max(request.GetCapacityRange().GetRequiredBytes(), leastSize))
	if limit > 0 && wanted > limit {
		return nil, status.Errorf(codes.OutOfRange, "the least size is %d", wanted)
	}
	image := d.images.volume(request.Name)
	has, err := size(image)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if err := d.makeVolume(image, wanted, request.VolumeContentSource); err != nil {
			return nil, err
		}
		has = wanted
	case err != nil:
		return nil, failure(err)
	case has < wanted || limit > 0 && has > limit:
		return nil, status.Errorf(codes.AlreadyExists, "%s exists with size %d", request.Name, has)
	}
	return &csi.CreateVolumeResponse{Volume: &csi.Volume{
		VolumeId: request.Name, CapacityBytes: has,
		ContentSource: request.VolumeContentSource, AccessibleTopology: []*csi.Topology{d.topology()},
	}}, nil
}

// makeVolume makes an image in one step that cannot be seen half done: empty, or a copy of a volume or snapshot.
func (d *driver) makeVolume(image string, bytes int64, source *csi.VolumeContentSource) error {
	fresh := image + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return failure(err)
	}
	if source != nil {
		from, err := d.sourceImage(source, bytes)
		if err != nil {
			return err
		}
		if err := duplicate(from, fresh); err != nil {
			return failure(err)
		}
	}
	if err := extend(fresh, bytes); err != nil {
		return failure(err)
	}
	if err := os.Rename(fresh, image); err != nil {
		return failure(err)
	}
	return nil
}

func (d *driver) sourceImage(source *csi.VolumeContentSource, room int64) (string, error) {
	id := source.GetVolume().GetVolumeId()
	image := d.images.volume(id)
	if source.GetSnapshot() != nil {
		id = source.GetSnapshot().GetSnapshotId()
		image = d.images.snapshot(id)
	}
	if err := checkIdentifier("source", id); err != nil {
		return "", status.Error(codes.NotFound, err.Error())
	}
	bytes, err := size(image)
	if err != nil {
		return "", failure(err)
	}
	if bytes > room {
		return "", status.Errorf(codes.OutOfRange, "the source's size is %d", bytes)
	}
	return image, nil
}

func (d *driver) DeleteVolume(_ context.Context, request *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	if request.VolumeId == "" {
		return nil, status.Error(codes.InvalidArgument, "no volume id")
	}
	if checkIdentifier("volume", request.VolumeId) != nil {
		return &csi.DeleteVolumeResponse{}, nil // never one of ours
	}
	unlock, err := d.lock(request.VolumeId)
	if err != nil {
		return nil, err
	}
	defer unlock()
	image := d.images.volume(request.VolumeId)
	if _, err := size(image); errors.Is(err, os.ErrNotExist) {
		return &csi.DeleteVolumeResponse{}, nil
	}
	if device, err := loopDevice(image); err != nil || device != "" {
		return nil, status.Errorf(codes.FailedPrecondition, "in use by %q (%v)", device, err)
	}
	if err := os.Remove(image); err != nil {
		return nil, failure(err)
	}
	return &csi.DeleteVolumeResponse{}, nil
}

func (d *driver) ValidateVolumeCapabilities(_ context.Context, request *csi.ValidateVolumeCapabilitiesRequest) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	if request.VolumeId == "" || len(request.VolumeCapabilities) == 0 {
		return nil, status.Error(codes.InvalidArgument, "no volume id or capabilities")
	}
	if _, err := size(d.images.volume(request.VolumeId)); err != nil {
		return nil, failure(err)
	}
	if err := checkCapabilities(request.VolumeCapabilities...); err != nil {
		return &csi.ValidateVolumeCapabilitiesResponse{Message: err.Error()}, nil
	}
	return &csi.ValidateVolumeCapabilitiesResponse{
		Confirmed: &csi.ValidateVolumeCapabilitiesResponse_Confirmed{VolumeCapabilities: request.VolumeCapabilities},
	}, nil
}

func (d *driver) ControllerExpandVolume(_ context.Context, request *csi.ControllerExpandVolumeRequest) (*csi.ControllerExpandVolumeResponse, error) {
	if err := checkIdentifier("volume", request.VolumeId); err != nil {
		return nil, err
	}
	if request.CapacityRange == nil {
		return nil, status.Error(codes.InvalidArgument, "no capacity range")
	}
	unlock, err := d.lock(request.VolumeId)
	if err != nil {
		return nil, err
	}
	defer unlock()
	image := d.images.volume(request.VolumeId)
	has, err := size(image)
	if err != nil {
		return nil, failure(err)
	}
	bytes := max(has, wholeMebibytes(request.CapacityRange.RequiredBytes))
	if limit := request.CapacityRange.LimitBytes; limit > 0 && bytes > limit {
		return nil, status.Error(codes.OutOfRange, "over the limit")
	}
	if bytes > has {
		if err := extend(image, bytes); err != nil {
			return nil, failure(err)
		}
	}
	return &csi.ControllerExpandVolumeResponse{CapacityBytes: bytes, NodeExpansionRequired: true}, nil
}
