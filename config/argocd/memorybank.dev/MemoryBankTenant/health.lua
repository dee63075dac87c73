-- What Argo CD shows as a tenant's health: from its conditions alone, which sum up all of its objects.
-- A sleeping tenant is healthy, as that is what was asked for; a paused one is suspended, as nobody looks after it.
local function condition(kind)
  for _, one in ipairs(obj.status.conditions or {}) do
    if one.type == kind then
      return one
    end
  end
  return { status = "Unknown", message = "The operator has not said yet whether the tenant is " .. kind .. "." }
end

if obj.metadata.deletionTimestamp ~= nil then
  return { status = "Progressing", message = "The tenant is being deleted." }
end
if obj.status == nil or obj.status.observedGeneration == nil then
  return { status = "Progressing", message = "Waiting for the operator." }
end
if obj.status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "Waiting for the operator to see the last change." }
end

local ready, stalled = condition("Ready"), condition("Stalled")
if ready.reason == "Paused" then
  return { status = "Suspended", message = ready.message }
end
if stalled.status == "True" then
  return { status = "Degraded", message = stalled.message }
end
if ready.status == "True" then
  return { status = "Healthy", message = ready.message }
end
-- What waiting has never cured.
local hopeless = {
  CrashLoop = true, ImagePullFailed = true, OOMKilled = true, ContainerConfigInvalid = true, VolumeLost = true
}
if ready.status == "False" and (hopeless[ready.reason] or condition("Reconciling").status == "False") then
  return { status = "Degraded", message = ready.message }
end
return { status = "Progressing", message = ready.message }
